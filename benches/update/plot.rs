//! The plot: contacts per second by contacts per call, for the service, the floor and row by row, a panel for each database.

use std::fmt::Write;

use crate::report::Line;

const PANEL: (f64, f64) = (400.0, 300.0);
const MARGIN: (f64, f64) = (70.0, 50.0);

/// The lowest rate that is shown: 10 contacts per second.
const LEAST_RATE: f64 = 10.0;

/// How many powers of ten are shown from there on.
const RATE_DECADES: f64 = 4.0;

/// A curve: its name, its color, and which times it shows.
type Curve = (&'static str, &'static str, fn(&Line) -> Option<f64>);

const CURVES: [Curve; 3] = [
    ("service", "#0a7d55", |line| line.rate(&line.times.service)),
    ("floor", "#666666", |line| line.rate(&line.times.floor)),
    ("row by row", "#c0504d", |line| {
        line.rate(&line.times.row_by_row)
    }),
];

/// The plot of the lines that add new contacts, as an SVG.
pub fn svg(lines: &[Line]) -> String {
    let new: Vec<&Line> = lines
        .iter()
        .filter(|line| line.scenario.contains("new"))
        .collect();
    let mut databases: Vec<&str> = new.iter().map(|line| line.database).collect();
    databases.dedup();
    let most = new.iter().map(|line| line.contacts).max().unwrap_or(1);
    let size_decades = (most as f64).log10().ceil().max(1.0);
    let (width, height) = (
        (PANEL.0 + MARGIN.0) * databases.len() as f64 + 20.0,
        PANEL.1 + 2.0 * MARGIN.1,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
        <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (place, database) in databases.iter().enumerate() {
        let left = MARGIN.0 + place as f64 * (PANEL.0 + MARGIN.0);
        let mut lines: Vec<&Line> = new
            .iter()
            .copied()
            .filter(|line| line.database == *database)
            .collect();
        lines.sort_by_key(|line| line.contacts);
        axes(&mut svg, left, database, size_decades);
        for (number, curve) in CURVES.iter().enumerate() {
            draw(&mut svg, left, number, curve, &lines, size_decades);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String, left: f64, database: &str, size_decades: f64) {
    let (top, bottom, right) = (MARGIN.1, MARGIN.1 + PANEL.1, left + PANEL.0);
    for decade in 0..=RATE_DECADES as i32 {
        let rate = LEAST_RATE * 10_f64.powi(decade);
        let y = y(rate);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {y}H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{rate}</text>",
            left - 6.0,
            y + 4.0
        );
    }
    for decade in 0..=size_decades as i32 {
        let x = left + PANEL.0 * f64::from(decade) / size_decades;
        let _ = writeln!(
            svg,
            "<path d=\"M{x} {top}V{bottom}\" stroke=\"#ddd\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 16.0,
            10_f64.powi(decade)
        );
    }
    let middle = left + PANEL.0 / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-size=\"14\">{database}: contacts per second</text>\
        <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">new contacts a call</text>",
        top - 16.0,
        bottom + 34.0
    );
}

fn draw(
    svg: &mut String,
    left: f64,
    number: usize,
    (name, color, rate): &Curve,
    lines: &[&Line],
    size_decades: f64,
) {
    let mut points = String::new();
    for line in lines {
        let Some(rate) = rate(line) else { continue };
        let x = left + PANEL.0 * (line.contacts as f64).log10() / size_decades;
        let y = y(rate);
        let _ = write!(points, "{x:.1},{y:.1} ");
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>"
        );
    }
    let _ = writeln!(
        svg,
        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\
        <text x=\"{}\" y=\"{}\" fill=\"{color}\">{name}</text>",
        left + 10.0,
        MARGIN.1 + 18.0 + 16.0 * number as f64
    );
}

fn y(rate: f64) -> f64 {
    let part = (rate / LEAST_RATE).log10() / RATE_DECADES;
    MARGIN.1 + PANEL.1 * (1.0 - part)
}
