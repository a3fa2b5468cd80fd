//! The `contact-lists` program.

use std::process::ExitCode;

use clap::Parser;
use contact_lists::cli::{self, CommandLine};
use mimalloc::MiMalloc;

/// A call of many contacts makes many small values: that is much of its work with the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(failure) => {
            eprintln!("error: {failure}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli::run(command_line)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure:#}");
            ExitCode::FAILURE
        }
    }
}
