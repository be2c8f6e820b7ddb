//! A calibration for people, and as the file's entries.

use std::fmt::Write;

use super::analysis::{Figure, Findings, known_error, latency_error};
use super::costs::{Estimate, GENERATOR};
use super::direct::Value;
use super::file::{Entry, Head};

/// The entries of the file.
pub fn entries(findings: &Findings) -> Vec<Entry> {
    let costs = findings.costs.iter().map(|cost| Entry {
        section: cost.section.clone(),
        key: cost.key.clone(),
        value: format!("\"{}ms\"", digits(cost.value, 4)),
        comment: of_cost(cost),
    });
    let values = findings.values.iter().map(|value| Entry {
        section: value.section.clone(),
        key: value.key.clone(),
        value: toml_value(value),
        comment: match value.interval[0] < value.interval[1] {
            true => format!("{} to {} {}", digits(value.interval[0], 3), digits(value.interval[1], 3), value.unit)
                .trim_end()
                .to_owned(),
            false => "measured once".to_owned(),
        },
    });
    costs.chain(values).collect()
}

fn of_cost(cost: &Estimate) -> String {
    let interval = format!("{} to {} ms", digits(cost.interval[0], 3), digits(cost.interval[1], 3));
    match cost.from_runs < 0.5 {
        true => format!(
            "{interval}; {:.0} % measured, the rest is the base's {} ms",
            cost.from_runs * 100.0,
            digits(cost.base, 4)
        ),
        false => interval,
    }
}

fn toml_value(value: &Value) -> String {
    match value.unit.as_str() {
        "B" => format!("\"{:.0}B\"", value.value),
        "s" => format!("\"{:.0}ms\"", value.value * 1e3),
        "" => digits(value.value, 3),
        unit => format!("\"{}{unit}\"", digits(value.value, 4)),
    }
}

/// A number with so many significant digits, and no exponent.
fn digits(value: f64, count: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let magnitude = libm::floor(libm::log10(value.abs())) as i32;
    let places = usize::try_from((count - 1 - magnitude).max(0)).unwrap_or(0);
    format!("{value:.places$}")
}

/// The file's head.
pub fn head(findings: &Findings, name: &str, base: &str) -> Head {
    let cluster = &findings.cluster;
    let mut comment = vec![
        format!("What one visit costs on this cluster: Temporal {} on {}.", cluster.temporal, cluster.database),
        String::new(),
        "Written by `plimsoll-load calibrate`. Behind a value stands its 90 % interval: a bootstrap over the runs of small workloads".to_owned(),
        format!("(docs/calibration.md). Lines marked \"kept\", and those that say nothing of an interval, are {base}'s."),
    ];
    comment.push(format!("A round trip to the database took {} ms.", digits(cluster.round_trip_seconds * 1e3, 2)));
    if let Some(fsync) = findings.fsync_ms {
        comment
            .push(format!("An fsync took {} ms in the mean: the profile's cluster.database.fsync.", digits(fsync, 3)));
    }
    for (one, other, correlation) in &findings.pairs {
        comment.push(format!("Only known together: {one} and {other} (correlation {correlation:.2})."));
    }
    comment.extend(findings.notes.iter().map(|note| format!("Note: {note}.")));
    Head {
        comment,
        name: name.to_owned(),
        temporal: cluster.temporal.clone(),
        database: cluster.database.clone(),
        measured_on: format!("{}; {} history shards", cluster.machine, cluster.history_shards),
        measured_up_to: format!("{}/s", findings.measured_up_to),
        known_error: known_error(&findings.quality),
        latency_error: latency_error(&findings.quality),
        canary: findings.canary,
    }
}

/// The answer.
pub fn text(findings: &Findings, path: &str) -> String {
    let cluster = &findings.cluster;
    let mut out = format!(
        "{}: Temporal {}, {}, {} history shards\n{}; round trip to the database {} ms{}{}\n",
        cluster.address,
        cluster.temporal,
        cluster.database,
        cluster.history_shards,
        cluster.machine,
        digits(cluster.round_trip_seconds * 1e3, 2),
        findings.fsync_ms.map(|fsync| format!(", an fsync {} ms", digits(fsync, 3))).unwrap_or_default(),
        findings.canary.map(|canary| format!(", the canary {} ms", digits(canary * 1e3, 3))).unwrap_or_default()
    );
    costs(&mut out, findings);
    measured(&mut out, findings);
    quality(&mut out, findings);
    let together: Vec<String> = findings.pairs.iter().map(|(one, other, _)| format!("{one} and {other}")).collect();
    if !together.is_empty() {
        paragraph(&mut out, "Not separated, known together only: ", &together.join("; "));
    }
    let kept: Vec<&str> =
        findings.costs.iter().filter(|cost| cost.from_runs < 0.5).map(|cost| cost.key.as_str()).collect();
    if !kept.is_empty() {
        paragraph(&mut out, "Mostly the base calibration's, the runs say little: ", &kept.join(", "));
    }
    out.push_str("\nKept from the base calibration\n");
    for kept in &findings.kept {
        paragraph_with(&mut out, &format!("  {}: ", kept.what), &kept.why, "    ");
    }
    for note in &findings.notes {
        paragraph(&mut out, "Note: ", note);
    }
    let _ = write!(out, "\n{path}: calibration for profiles (calibration = \"FILE\" or --set calibration=FILE)\n");
    out
}

fn costs(out: &mut String, findings: &Findings) {
    if findings.costs.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<24}{:>9}{:>20}{:>9}{:>10}",
        "CPU of one visit, ms", "cost", "90 % interval", "base", "measured"
    );
    for cost in &findings.costs {
        let _ = writeln!(
            out,
            "{:<24}{:>9.4}{:>20}{:>9.4}{:>8.0} %",
            if cost.section == GENERATOR { format!("{GENERATOR} {}", cost.key) } else { cost.key.clone() },
            cost.value,
            format!("{:.3} to {:.3}", cost.interval[0], cost.interval[1]),
            cost.base,
            cost.from_runs * 100.0
        );
    }
}

fn measured(out: &mut String, findings: &Findings) {
    let _ = writeln!(out, "\n{:<36}{:>10}{:>24}", "measured as it is", "value", "90 % interval");
    for value in &findings.values {
        let interval = match value.interval[0] < value.interval[1] {
            true => format!("{} to {}", digits(value.interval[0], 3), digits(value.interval[1], 3)),
            false => "once".to_owned(),
        };
        let _ = writeln!(
            out,
            "{:<36}{:>10}{:>24}",
            format!("{}.{}", value.section, value.key),
            format!("{} {}", digits(value.value, 3), value.unit).trim_end(),
            interval
        );
    }
}

fn quality(out: &mut String, findings: &Findings) {
    let mut figures: Vec<&str> = Vec::new();
    findings.quality.iter().for_each(|one| {
        if !figures.contains(&one.figure.as_str()) {
            figures.push(&one.figure);
        }
    });
    for (held_out, title) in
        [(true, "Workloads it was not fitted to: the model's error, per cent"), (false, "Workloads it was fitted to")]
    {
        let mut names: Vec<&str> = Vec::new();
        findings.quality.iter().filter(|one| one.held_out == held_out).for_each(|one| {
            if !names.contains(&one.workload.as_str()) {
                names.push(&one.workload);
            }
        });
        if names.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{title}");
        let _ = write!(out, "{:<29}", "");
        figures.iter().for_each(|figure| {
            let _ = write!(out, "{:>7}", short(figure));
        });
        out.push('\n');
        for name in names {
            let _ = write!(out, "{name:<29}");
            for figure in &figures {
                let of_this = |one: &&Figure| one.workload == name && one.figure == *figure;
                let cell = findings.quality.iter().find(of_this).map_or("–".to_owned(), |one| {
                    let error = format!("{:+.0}", one.error() * 100.0);
                    if error == "-0" { "+0".to_owned() } else { error }
                });
                let _ = write!(out, "{cell:>7}");
            }
            out.push('\n');
        }
    }
    let _ = writeln!(out, "\n{}.", known_error(&findings.quality));
}

fn short(figure: &str) -> &str {
    match figure {
        "state transitions" => "trans.",
        "statements" => "stat.",
        "write transactions" => "tx",
        "WAL bytes" => "WAL",
        "CPU ms frontend" => "CPU F",
        "CPU ms history" => "CPU H",
        "CPU ms matching" => "CPU M",
        "CPU ms database" => "CPU PG",
        "CPU ms generator" => "CPU G",
        "p50 ms" => "p50",
        "p90 ms" => "p90",
        other => other,
    }
}

fn paragraph(out: &mut String, begin: &str, text: &str) {
    out.push('\n');
    paragraph_with(out, begin, text, "  ");
}

/// A text broken at blanks into lines of at most 100 columns.
fn paragraph_with(out: &mut String, begin: &str, text: &str, indent: &str) {
    let mut line = begin.to_owned();
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() + 1 > 100 {
            let _ = writeln!(out, "{}", line.trim_end());
            line = indent.to_owned();
        }
        if !line.ends_with(' ') && !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_digits_and_no_exponent() {
        let all = [0.000_123_44, 0.349_21, 12.345, 26_412.0, 0.0].map(|value| digits(value, 3));
        assert_eq!(all, ["0.000123", "0.349", "12.3", "26412", "0"]);
    }
}
