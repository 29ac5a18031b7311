//! `sio-load`: one process that drives a Socket.IO server and prints one JSON object.
//!
//! This file only joins the parts: options in, one measurement, report out, exit status. It knows no protocol.

#![forbid(unsafe_code)]

mod client;
mod connect;
mod connection;
mod crowd;
mod echo;
mod fanout;
mod fault;
mod frame;
mod handshake;
mod histogram;
mod http;
mod idle;
mod measure;
mod open_loop;
mod options;
mod poller;
mod process;
mod report;
mod rooms;
mod stream;
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
        Mode::EchoAck | Mode::EchoEmit | Mode::EchoBinary => echo::run(&options),
        Mode::OpenLoop => open_loop::run(&options),
        Mode::Fanout | Mode::Rooms => fanout::run(&options),
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
