//! Starts a throw-away PostgreSQL, prints its URL, and stops it when standard input closes: for scripts.

use std::{io, process::ExitCode};

use test_support::PostgresServer;

#[tokio::main]
async fn main() -> ExitCode {
    match PostgresServer::start("C", &[]).await {
        Ok(Some(server)) => {
            println!("{}", server.url("postgres"));
            // However the input ends, the server is no longer needed.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            ExitCode::SUCCESS
        }
        Ok(None) => {
            eprintln!("PostgreSQL is not installed");
            ExitCode::FAILURE
        }
        Err(reason) => {
            eprintln!("PostgreSQL does not start: {reason}");
            ExitCode::FAILURE
        }
    }
}
