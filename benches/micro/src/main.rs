//! `sio-micro CASE COUNT`: does one case so many times, for whoever counts instructions; without arguments it lists them.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut cases = sio_micro::protocol().into_iter().chain(sio_micro::hub());
    match arguments.as_slice() {
        [] => {
            cases.for_each(|case| println!("{}", case.name));
            ExitCode::SUCCESS
        }
        [name, count] => {
            let case = cases.find(|case| case.name == *name);
            let (Some(case), Ok(count)) = (case, count.parse::<u64>()) else {
                eprintln!("sio-micro: {name:?} is no case, or {count:?} no number");
                return ExitCode::FAILURE;
            };
            let mut run = case.make();
            for _ in 0..count {
                run();
            }
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: sio-micro [CASE COUNT]");
            ExitCode::FAILURE
        }
    }
}
