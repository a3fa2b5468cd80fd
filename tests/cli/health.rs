//! `contact-lists health`, which container runtimes and scripts ask.

use std::net::TcpListener;

use crate::*;

/// Asks a server, and returns the exit code and what was printed.
fn health(folder: &Folder, address: &str) -> (Option<i32>, String) {
    let output = folder.run(&["health", "--server", &format!("http://{address}")]);
    let all = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), text(&all))
}

#[test]
fn a_server_that_serves_is_healthy_until_its_database_is_gone() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let serving = (Some(0), "SERVING\n".to_owned());
    assert_eq!(health(&folder, &server.address), serving);

    std::fs::rename(folder.path("contact-lists.db"), folder.path("moved.db")).unwrap();
    let line = format!("error: http://{} says NOT_SERVING\n", server.address);
    let start = Instant::now();
    let mut asked = serving;
    while asked.0 == Some(0) && start.elapsed() < LIMIT {
        asked = health(&folder, &server.address);
    }
    assert_eq!(asked, (Some(1), line));
}

#[test]
fn a_server_that_is_not_there_is_not_healthy() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let address = free.unwrap().to_string();
    let (code, said) = health(&Folder::new(), &address);
    let line = format!("error: no server listens at http://{address}");
    assert!(code == Some(1) && said.starts_with(&line), "{said}");
}

#[test]
fn a_server_that_does_not_respond_is_not_healthy() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let line = format!("error: http://{address} does not respond within 5 seconds\n");
    let asked = health(&Folder::new(), &address.to_string());
    assert_eq!(asked, (Some(1), line));
}
