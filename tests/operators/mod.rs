//! What operators see: the log, metrics and traces.

mod admin;
mod call_lines;
mod console;
mod every_call;
mod leaks;
mod metrics;
mod refusals;
mod traces;
