//! Draws the rows of a run as an SVG: for each, what it costs us over what it costs our peer, on a
//! logarithmic scale, as a bar from where both are the same.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fmt::Write as _;

/// Pixels from row to row.
const LINE: f64 = 17.0;
/// Where bars begin, which is where labels end, and how wide the scale is.
const LEFT: f64 = 390.0;
const WIDTH: f64 = 560.0;
/// Above the first row: the scale's numbers.
const TOP: f64 = 40.0;
/// The ends of the scale.
const LEAST: f64 = 0.004;
const MOST: f64 = 2.0;
/// What the scale is marked with.
const MARKS: [f64; 7] = [0.01, 0.03, 0.1, 0.3, 0.5, 1.0, 2.0];

const STYLE: &str = "text{font:12px sans-serif;fill:#222}.n{font-size:11px;fill:#555}\
    .m{stroke:#ddd}.e{stroke:#888}.f{fill:#2f7d4f}.s{fill:#b5462f}";

/// Writes the chart of such records as this program writes as JSON.
///
/// # Errors
/// If no record has a ratio, or the file can't be written.
pub(crate) fn draw(records: &[Value], path: &str) -> Result<()> {
    let bars: Vec<_> = records.iter().filter_map(bar).collect();
    ensure!(!bars.is_empty(), "no row to draw has a ratio");
    std::fs::write(path, svg(&bars)?).with_context(|| format!("cannot write {path}"))
}

/// A row's label and ratio, if less is better there.
fn bar(record: &Value) -> Option<(String, f64)> {
    let row = record["row"].as_str()?;
    if row.starts_with("T6") {
        return None;
    }
    let ratio = ["ours_over_peer", "ours_over_peer_slot", "ratio"]
        .into_iter()
        .find_map(|key| record[key].as_f64())?;
    let label = match record["name"].as_str() {
        Some(name) => format!("{row} {name}"),
        None => row.to_owned(),
    };
    Some((label, ratio))
}

/// Where a ratio is on the scale.
fn x(ratio: f64) -> f64 {
    let part = (ratio.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    LEFT + part * WIDTH
}

fn svg(bars: &[(String, f64)]) -> Result<String> {
    let (width, height) = (LEFT + WIDTH + 20.0, TOP + LINE * bars.len() as f64 + 12.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\n\
         <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"16\">Time or memory of Threadline over that of wasmtime: a bar to the left of 1 is less</text>\n"
    );
    for mark in MARKS {
        let (at, class) = (x(mark), if mark == 1.0 { "e" } else { "m" });
        writeln!(
            out,
            "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\
             <text class=\"n\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{mark}</text>",
            height - 8.0,
            TOP - 6.0
        )?;
    }
    for (i, (label, ratio)) in bars.iter().enumerate() {
        let y = TOP + LINE * i as f64;
        let (from, to) = (x(ratio.min(1.0)), x(ratio.max(1.0)));
        let class = if *ratio <= 1.0 { "f" } else { "s" };
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>{ratio:.3}</title></rect>",
            LEFT - 8.0,
            y + LINE * 0.75,
            escaped(label),
            y + 3.0,
            (to - from).max(1.0),
            LINE - 5.0
        )?;
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
