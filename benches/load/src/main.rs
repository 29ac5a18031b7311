//! `sio-load`: one process that drives a Socket.IO server over WebSocket and prints one JSON object.
//!
//! This file only joins the parts: options in, one measurement, report out, exit status. It knows no protocol.

#![forbid(unsafe_code)]

mod connect;
mod connection;
mod crowd;
mod echo;
mod fanout;
mod fault;
mod frame;
mod handshake;
mod histogram;
mod idle;
mod measure;
mod options;
mod process;
mod report;
mod template;

use std::process::ExitCode;

use crate::options::{Mode, Options, USAGE};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("sio-load: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match options.mode {
        Mode::EchoAck | Mode::EchoEmit => echo::run(&options),
        Mode::Fanout => fanout::run(&options),
        Mode::Connect => connect::run(&options),
        Mode::Idle => idle::run(&options),
    };
    match outcome {
        Ok(figures) => {
            println!("{}", report::success(&options, figures));
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!("{}", report::failure(&options, &fault));
            eprintln!("sio-load: {fault}");
            ExitCode::FAILURE
        }
    }
}
