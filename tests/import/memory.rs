//! Memory does not grow with the file.

use std::{fs::File, io::BufWriter, io::Write};

use crate::*;

/// How many rows the large file has, unless the environment says otherwise, and how many times as many it has as the small one.
const ROWS: u64 = 120_000;
const TIMES: u64 = 4;

/// How much more memory the large file may take: the allocator keeps some, but all contacts would be more.
const MAX_GROWTH_KIB: u64 = 16 * 1024;

/// Imports a file with this many rows, and returns the most memory that it took until the server's response, in KiB.
async fn peak(desk: &Desk, line: &Relay, rows: u64) -> u64 {
    let mut file = BufWriter::new(File::create(desk.path("large.csv")).expect("a file"));
    writeln!(file, "phone,name,email").expect("a header");
    for n in 0..rows {
        let n = u32::try_from(n).expect("a number");
        writeln!(
            file,
            "{},Person Number {n},person.{n}@example.com",
            number(n)
        )
        .expect("a row");
    }
    // Its rejection is what the line waits for.
    writeln!(file, "{},{},", number(1), "x".repeat(256)).expect("a row");
    file.flush().expect("a written file");
    line.break_on(
        Way::Answers,
        Trigger::Text(b"at most 255 characters"),
        Fault::Freeze,
    );
    let mut command = desk.command(&["import", "large.csv", "--list", LIST]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a running program");
    line.until_broken().await;
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("its memory");
    line.mend();
    let ended = tokio::task::block_in_place(|| child.wait()).expect("an end");
    assert_eq!(ended.code(), Some(3));
    let mut lines = status
        .lines()
        .filter_map(|line| line.strip_prefix("VmHWM:"));
    let peak = lines
        .next()
        .and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    peak.expect("the peak")
}

on_both! {
    #[cfg(target_os = "linux")]
    async fn a_file_with_many_times_the_rows_takes_no_more_memory(database: Database) {
        let rows = setting("CONTACT_LISTS_IMPORT_ROWS", ROWS);
        let mut desk = Desk::with(database, &["--max-contacts", "100000000"]).await;
        let line = Relay::to_service(desk.service.address()).await;
        desk.server = format!("http://{}", line.address());
        let small = peak(&desk, &line, rows / TIMES).await;
        let large = peak(&desk, &line, rows).await;
        assert!(large < small + MAX_GROWTH_KIB, "{small} KiB, then {large} KiB");
    }
}
