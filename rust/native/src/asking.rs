//! A request that waits until the application has judged it. What it is asked and what an answer means is the shard's
//! matter; a drop guard tells it when the client went away in the middle.

use std::{mem, rc::Rc};

use sio_hub::shard::QuestionKey;

use crate::{driver::Driver, service::GivenUp};

/// Waits for the application's word; the shard has it when this returns.
pub(crate) async fn wait(driver: &Rc<Driver>, question: QuestionKey) -> Result<(), GivenUp> {
    let decided = driver.add_question(question);
    let aborted = AbortedRequest { driver, question };
    // An error: the driver ends, and nobody is left to answer.
    decided.await.map_err(|_| GivenUp)?;
    mem::forget(aborted);
    Ok(())
}

struct AbortedRequest<'a> {
    driver: &'a Driver,
    question: QuestionKey,
}

impl Drop for AbortedRequest<'_> {
    fn drop(&mut self) {
        self.driver.remove_question(self.question);
        self.driver
            .with(|shard, _| shard.handle_request_aborted(self.question));
    }
}
