//! How far an import is: a bar in a terminal, and else a line from time to time.

use std::{
    fmt,
    io::{IsTerminal, stderr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::client::output::note;

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// What is shown once all was sent.
const APPLYING: &str =
    "{spinner} {human_len} contacts sent; the server applies them, for {elapsed} so far";

/// How far an import is. Clones are the same.
#[derive(Clone)]
pub struct Progress {
    /// In a terminal.
    bar: Option<ProgressBar>,
    /// How the bar looks once all was sent.
    applying: ProgressStyle,
    sent: Arc<AtomicU64>,
    /// When the last line was written, in milliseconds from the start. Calls can be shorter than the time between lines.
    last_line: Arc<AtomicU64>,
    contact_count: u64,
    start: Instant,
}

impl Progress {
    /// Begins to show how many of the contacts were sent.
    pub fn begin(contact_count: u64) -> anyhow::Result<Self> {
        let sending = ProgressStyle::with_template(
            "{wide_bar} {human_pos} of {human_len} contacts, {rate} a second, {eta} left",
        )?;
        let sending = sending.with_key(
            "rate",
            |state: &ProgressState, text: &mut dyn fmt::Write| {
                let _ = write!(text, "{:.0}", state.per_sec());
            },
        );
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(contact_count).with_style(sending);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Ok(Self {
            bar,
            applying: ProgressStyle::with_template(APPLYING)?,
            sent: Arc::default(),
            last_line: Arc::default(),
            contact_count,
            start: Instant::now(),
        })
    }

    /// Sets how many contacts were sent.
    pub fn set(&self, sent: u64) {
        self.sent.store(sent, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_position(sent);
            if sent == self.contact_count {
                bar.set_style(self.applying.clone());
            }
        }
    }

    /// Says something above the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(line),
        }
    }

    /// Writes lines where there is no terminal, for as long as it is polled.
    pub async fn write_lines(&self) {
        loop {
            tokio::time::sleep(self.until_next_line(self.start.elapsed())).await;
            let elapsed = self.start.elapsed();
            self.note_line(elapsed);
            if self.bar.is_none() {
                note(self.line(elapsed));
            }
        }
    }

    fn until_next_line(&self, elapsed: Duration) -> Duration {
        let last = Duration::from_millis(self.last_line.load(Ordering::Relaxed));
        (last + LINE_INTERVAL).saturating_sub(elapsed)
    }

    fn note_line(&self, elapsed: Duration) {
        let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.last_line.store(elapsed, Ordering::Relaxed);
    }

    fn line(&self, elapsed: Duration) -> String {
        let (sent, all) = (self.sent.load(Ordering::Relaxed), self.contact_count);
        if sent >= all {
            return format!("{all} contacts sent; the server applies them");
        }
        let rate = sent as f64 / elapsed.as_secs_f64();
        let left = match rate > 0.0 {
            true => format!(", {:.0} s left", (all - sent) as f64 / rate),
            false => String::new(),
        };
        format!("{sent} of {all} contacts sent, {rate:.0} a second{left}")
    }

    /// Ends the bar.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_from_time_to_time_however_short_the_calls_are() {
        let progress = Progress::begin(1000).unwrap();
        let seconds = Duration::from_secs;
        assert_eq!(progress.until_next_line(seconds(0)), seconds(10));
        let in_the_next_call = progress.clone();
        assert_eq!(in_the_next_call.until_next_line(seconds(6)), seconds(4));
        assert_eq!(progress.until_next_line(seconds(12)), seconds(0));
        in_the_next_call.note_line(seconds(12));
        assert_eq!(progress.until_next_line(seconds(15)), seconds(7));
    }

    #[test]
    fn a_line_has_the_rate_and_the_time_left() {
        let progress = Progress::begin(1000).unwrap();
        progress.set(250);
        assert_eq!(
            progress.line(Duration::from_secs(10)),
            "250 of 1000 contacts sent, 25 a second, 30 s left"
        );
        progress.set(1000);
        assert_eq!(
            progress.line(Duration::from_secs(40)),
            "1000 contacts sent; the server applies them"
        );
    }
}
