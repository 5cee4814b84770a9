//! Timing of alternatives against each other: alternating rounds, best and median, and tables.

use std::time::Instant;

/// One thing to time: a name and a function that does the work once.
pub(crate) struct Subject<'a> {
    /// What the table calls it.
    pub(crate) name: String,
    /// Does the work once and returns a value that depends on all of it.
    pub(crate) work: Box<dyn FnMut() -> u64 + 'a>,
}

impl<'a> Subject<'a> {
    /// A subject.
    pub(crate) fn new(name: impl Into<String>, work: impl FnMut() -> u64 + 'a) -> Subject<'a> {
        Subject {
            name: name.into(),
            work: Box::new(work),
        }
    }
}

/// What the rounds of one subject took, in nanoseconds per operation.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    /// The subject's name.
    pub(crate) name: String,
    /// The shortest round.
    pub(crate) best: f64,
    /// The middle round.
    pub(crate) median: f64,
    /// The middle of each round's ratio to the first subject's in the same round: what another
    /// program does to the machine meanwhile mostly hits both.
    pub(crate) ratio: f64,
}

/// Times the subjects in turn, `rounds` times over after one round of warming up, and checks that
/// all of them compute the same.
///
/// # Panics
/// If two subjects, or two rounds, compute different values.
pub(crate) fn alternate(
    subjects: &mut [Subject<'_>],
    rounds: usize,
    operations: u64,
) -> Vec<Timing> {
    let mut expected = None;
    let mut samples = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..=rounds {
        for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
            let start = Instant::now();
            let value = (subject.work)();
            let elapsed = start.elapsed().as_nanos() as f64 / operations as f64;
            let expected = *expected.get_or_insert(value);
            assert_eq!(value, expected, "{} computes something else", subject.name);
            if round > 0 {
                samples.push(elapsed);
            }
        }
    }
    let base = samples[0].clone();
    subjects
        .iter()
        .zip(samples)
        .map(|(subject, samples)| {
            let ratios = samples.iter().zip(&base).map(|(one, base)| one / base);
            Timing {
                name: subject.name.clone(),
                best: samples.iter().copied().fold(f64::INFINITY, f64::min),
                ratio: median(ratios.collect()),
                median: median(samples),
            }
        })
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rows of text, padded to columns; the first column is left-aligned, the others right-aligned.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (i, (cell, &width)) in cells.zip(&widths).enumerate() {
            match i {
                0 => text.push_str(&format!("{cell:<width$}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut header.iter().copied());
    let rule: usize = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    text.push_str(&"-".repeat(rule));
    text.push('\n');
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}
