//! The `contact-lists` program.

use std::process::ExitCode;

use clap::Parser;
use contact_lists::{
    cli::{self, CommandLine},
    client::output::{self, OutputClosed},
    error::with_causes,
};
use mimalloc::MiMalloc;

/// A call with many contacts allocates many small values, on which the system's allocator would spend much of the call's
/// time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli::run(command_line)) {
        Ok(code) => code,
        Err(error) if error.is::<OutputClosed>() => ExitCode::SUCCESS,
        Err(error) => {
            output::note(format_args!("error: {}", with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}
