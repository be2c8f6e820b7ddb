//! The fitted types as a profile, with the evidence for each value beside it.

use std::fmt::Write;

use plimsoll_profiles::units::{Bytes, Nanos};

use super::fit::{Fit, FittedOne, FittedStep, FittedType};
use super::raw::Time;
use super::run::{Kind, Options, Seen};
use crate::import::text::{exact, measured, one_line, quoted, size};

/// With fewer starts a rate is a guess.
const FEWEST_STARTS: usize = 10;
/// With fewer samples a quantile is one of them by name only: the mean is given.
const FEWEST_FOR_QUANTILES: usize = 5;

/// Comments of one step share a line up to here.
const WIDEST_COMMENT: usize = 110;

/// The whole profile.
pub fn profile(fit: &Fit, name: &str) -> String {
    let mut out = String::new();
    header(&mut out, fit, name);
    arrivals(&mut out, &fit.starts);
    let shares = shares(&fit.types);
    for (fitted, share) in fit.types.iter().zip(shares) {
        workflow(&mut out, fit, fitted, share.as_deref());
    }
    out.push_str(
        "\n# Not in histories, assumed: what is promised, and the cluster.\n\
         [slo]\n\
         schedule_to_start = { p99 = \"200ms\" }\n\
         start = { p99 = \"250ms\" }\n\
         \n\
         [cluster]\n\
         use = \"kubernetes-production\"\n",
    );
    out
}

fn header(out: &mut String, fit: &Fit, name: &str) {
    let kinds = fit.types.len();
    let _ = writeln!(out, "# Inferred from {} workflow histories; {kinds} different step lists.", fit.runs);
    out.push_str(
        "# Durations are from an attempt's start to its close as the server saw them, its own overhead (a few ms) included.\n\
         # Histories do not hold the CPU or memory of activities, queries, or the worker fleet: add cpu = \"…\" where an\n\
         # activity computes; the rest are defaults, see `plimsoll schema profile`.\n",
    );
    if !fit.left_out.is_empty() {
        out.push_str("# Not in this profile, with how often it was seen:\n");
        for (what, count) in &fit.left_out {
            let _ = writeln!(out, "#   {count} × {}", one_line(what));
        }
    }
    let _ = writeln!(out, "name = {}", quoted(name));
    match fit.sdk.as_deref().map(|sdk| (sdk, known_sdk(sdk))) {
        Some((_, Some(sdk))) => {
            let _ = writeln!(out, "sdk = \"{sdk}\"");
        }
        Some((other, None)) => {
            let _ = writeln!(out, "sdk = \"go\" # assumed: the histories say {}", one_line(other));
        }
        None => out.push_str("sdk = \"go\" # assumed: the histories do not say\n"),
    }
}

/// The SDK's name in the histories' `sdkMetadata` to the profile's.
fn known_sdk(name: &str) -> Option<&'static str> {
    match name {
        "temporal-go" => Some("go"),
        "temporal-java" => Some("java"),
        "temporal-python" => Some("python"),
        "temporal-typescript" => Some("typescript"),
        "temporal-dotnet" => Some("dotnet"),
        "temporal-rust" => Some("rust"),
        _ => None,
    }
}

fn arrivals(out: &mut String, starts: &[Time]) {
    out.push_str("\n[arrivals]\n");
    let span = match (starts.first(), starts.last()) {
        (Some(first), Some(last)) if starts.len() >= FEWEST_STARTS => last.since(*first),
        _ => Nanos::ZERO,
    };
    if span == Nanos::ZERO {
        let _ = writeln!(
            out,
            "# Assumed: {} start times do not make a rate. Put your own here.\n\
             phases = [{{ for = \"10min\", rate = \"1/s\" }}]",
            starts.len()
        );
        return;
    }
    let rate = (starts.len() - 1) as f64 / span.as_secs_f64();
    let length = Nanos(
        span.0.clamp(Nanos::from_secs(600).0, Nanos::from_secs(86_400).0).div_ceil(60_000_000_000) * 60_000_000_000,
    );
    let _ = writeln!(
        out,
        "# Inferred from {} start times over {}: right only if these files hold every workflow started in that time.\n\
         phases = [{{ for = \"{}\", rate = \"{}\" }}]",
        starts.len(),
        measured(span),
        exact(length),
        rate_text(rate)
    );
}

/// Three significant digits in the unit that keeps them before the point.
fn rate_text(per_second: f64) -> String {
    let (value, unit) = [(1.0, "s"), (60.0, "min"), (3_600.0, "h"), (86_400.0, "day")]
        .into_iter()
        .map(|(seconds, unit)| (per_second * seconds, unit))
        .find(|(value, _)| *value >= 1.0)
        .unwrap_or((per_second * 86_400.0, "day"));
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}/{unit}")
}

/// Shares of the types started from outside, which add up to 1 exactly as written: largest remainders in billionths.
fn shares(types: &[FittedType]) -> Vec<Option<String>> {
    const UNITS: u128 = 1_000_000_000;
    let total: u128 = types.iter().filter(|t| !t.is_child).map(|t| u128::from(t.executions)).sum();
    let mut parts: Vec<Option<u128>> =
        types.iter().map(|t| (!t.is_child && total > 0).then(|| u128::from(t.executions) * UNITS / total)).collect();
    let rest = UNITS.saturating_sub(parts.iter().flatten().sum());
    parts.iter_mut().flatten().take(usize::try_from(rest).unwrap_or(0)).for_each(|part| *part += 1);
    let text = |part: u128| {
        let text = format!("{}.{:09}", part / UNITS, part % UNITS);
        let trimmed = text.trim_end_matches('0');
        if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() }
    };
    if total == 0 {
        return vec![None; types.len()];
    }
    parts.into_iter().map(|part| part.map(text)).collect()
}

fn workflow(out: &mut String, fit: &Fit, fitted: &FittedType, share: Option<&str>) {
    let executions = fitted.executions;
    out.push_str("\n[[workflow]]\n");
    let _ = writeln!(out, "type = {}", quoted(&fitted.name));
    if let Some(share) = share {
        let total: u64 = fit.types.iter().filter(|t| !t.is_child).map(|t| t.executions).sum();
        let _ = writeln!(out, "share = {share} # inferred from {executions} of {total} executions");
    } else {
        let _ = writeln!(out, "# Runs only as a child; seen {executions} times.");
    }
    for (key, sizes) in [("input", &fitted.inputs), ("result", &fitted.results)] {
        if let Some((value, evidence)) = mean_size(sizes) {
            let _ = writeln!(out, "{key} = \"{value}\" # inferred from {evidence}");
        }
    }
    if fitted.counts_are_means {
        out.push_str("# Runs differ in how often steps happened: count and times are means.\n");
    }
    out.push_str("steps = [\n");
    if fitted.steps.is_empty() {
        out.push_str(
            "  # No step was seen, and a profile needs one: the smallest.\n  \
             { local_activity = \"nothing\", takes = \"1us\", output = \"0B\" },\n",
        );
    }
    steps(out, fit, &fitted.steps, 1);
    if fitted.further_runs > 0 {
        let _ = writeln!(
            out,
            "  # inferred from {executions} chains{}",
            if fitted.chain_incomplete {
                "; a run before or after is not among the files: one assumed, with the same steps"
            } else {
                ""
            }
        );
        let _ = writeln!(out, "  {{ continue_as_new = {{ runs = {} }} }},", fitted.further_runs);
    }
    out.push_str("]\n");
}

fn steps(out: &mut String, fit: &Fit, list: &[FittedStep], depth: usize) {
    for step in list {
        match step {
            FittedStep::One(step) => one(out, fit, depth, step),
            FittedStep::Parallel(branches) => parallel(out, fit, branches, depth),
            FittedStep::Repeat { times, steps: body } => {
                let indent = "  ".repeat(depth);
                let _ = writeln!(out, "{indent}{{ repeat = {{ times = {times}, steps = [");
                steps(out, fit, body, depth + 1);
                let _ = writeln!(out, "{indent}] }} }},");
            }
        }
    }
}

fn parallel(out: &mut String, fit: &Fit, branches: &[Vec<FittedStep>], depth: usize) {
    let indent = "  ".repeat(depth);
    let _ = writeln!(out, "{indent}{{ parallel = [");
    for branch in branches {
        if let [single] = branch.as_slice() {
            steps(out, fit, std::slice::from_ref(single), depth + 1);
            continue;
        }
        let _ = writeln!(out, "{indent}  {{ sequence = [");
        steps(out, fit, branch, depth + 2);
        let _ = writeln!(out, "{indent}  ] }},");
    }
    let _ = writeln!(out, "{indent}] }},");
}

fn one(out: &mut String, fit: &Fit, depth: usize, step: &FittedOne) {
    let mut line = Line { comments: Vec::new(), entries: Vec::new() };
    let seen = &step.seen;
    match &step.kind {
        Kind::Activity(name) => {
            line.entry("activity", quoted(named(name)));
            line.span("takes", seen);
            line.sizes("input", seen, |seen| seen.input);
            line.sizes("output", seen, |seen| seen.output);
            line.failures(seen);
            if let Some(options) = seen.iter().find_map(|seen| seen.options) {
                line.options(options, seen);
            }
        }
        Kind::LocalActivity(name) => {
            line.entry("local_activity", quoted(named(name)));
            line.span("takes", seen);
            line.sizes("output", seen, |seen| seen.output);
        }
        Kind::Timer => line.span("timer", seen),
        Kind::Signal { name, from_start } => {
            line.entry("wait_signal", quoted(named(name)));
            line.span("after", seen);
            if *from_start {
                line.entry("from_start", "true".to_owned());
                line.comments.push("came while other steps ran: sent at that time after the start".to_owned());
            }
            line.sizes("payload", seen, |seen| seen.input);
        }
        Kind::Update(name) => {
            line.entry("update", quoted(named(name)));
            line.span("after", seen);
            line.sizes("input", seen, |seen| seen.input);
            line.sizes("output", seen, |seen| seen.output);
        }
        Kind::Child { workflow_type, wait } => line.child(fit, workflow_type, *wait, step),
    }
    if step.count > 1 {
        line.entry("count", step.count.to_string());
    }
    line.write(out, depth);
}

/// A profile's names are not blank; a damaged history's may be.
fn named(name: &str) -> &str {
    if name.trim().is_empty() { "unnamed" } else { name }
}

/// A step as an inline table, with the comments above it.
struct Line {
    comments: Vec<String>,
    entries: Vec<String>,
}

impl Line {
    fn entry(&mut self, key: &str, value: String) {
        self.entries.push(format!("{key} = {value}"));
    }

    fn span(&mut self, key: &str, seen: &[Seen]) {
        let spans: Vec<Nanos> = seen.iter().filter_map(|seen| seen.span).collect();
        let (value, evidence) = span(spans);
        self.entry(key, value);
        self.comments.push(format!("{key}: {evidence}"));
    }

    fn sizes(&mut self, key: &str, seen: &[Seen], of: impl Fn(&Seen) -> Option<u64>) {
        let sizes: Vec<u64> = seen.iter().filter_map(of).collect();
        if let Some((value, evidence)) = mean_size(&sizes) {
            self.entry(key, quoted(&value));
            self.comments.push(format!("{key}: inferred from {evidence}"));
        }
    }

    /// A child whose histories are here is a type of the profile; else the parent waits for as long as it lived.
    fn child(&mut self, fit: &Fit, name: &str, wait: bool, step: &FittedOne) {
        let known: u64 = step.children.iter().map(|(_, times)| times).sum();
        let type_name = |index: usize| quoted(&fit.types[index].name);
        match step.children.as_slice() {
            [] if step.in_cycles > 0 => {
                self.comments.push(format!(
                    "child workflow {} would be a cycle of types, which a profile cannot have:",
                    one_line(name)
                ));
                return self.wait_for_child(step);
            }
            [] => {
                let name = one_line(name);
                self.comments.push(format!("child workflow {name}: its histories are not among the files:"));
                return self.wait_for_child(step);
            }
            [(only, _)] => {
                self.entry("child", type_name(*only));
                if !wait {
                    self.entry("wait", "false".to_owned());
                }
            }
            several => {
                let no_wait = if wait { "" } else { ", wait = false" };
                let mut left = 1_000_000;
                let arms = several.iter().enumerate().map(|(at, (index, times))| {
                    let part = if at + 1 == several.len() { left } else { times * 1_000_000 / known };
                    left -= part;
                    let steps = format!("[{{ child = {}{no_wait} }}]", type_name(*index));
                    format!("{{ probability = {}, steps = {steps} }}", part as f64 / 1e6)
                });
                let arms: Vec<String> = arms.collect();
                self.entry("branch", format!("[{}]", arms.join(", ")));
            }
        }
        self.comments
            .push(format!("inferred from {known} of {} children, those whose histories are here", step.seen.len()));
    }

    fn wait_for_child(&mut self, step: &FittedOne) {
        if step.seen.iter().all(|seen| seen.span.is_none()) {
            self.comments.push("its work on the server is missing here; the parent did not wait for it".to_owned());
            return self.entry("timer", "\"1ms\"".to_owned());
        }
        self.comments
            .push("its work on the server is missing here; the parent waits for as long as it lived".to_owned());
        self.span("timer", &step.seen);
    }

    fn failures(&mut self, seen: &[Seen]) {
        let attempts: u64 = seen.iter().map(|seen| u64::from(seen.attempts)).sum();
        let failed: u64 = seen.iter().map(|seen| u64::from(seen.failed_attempts)).sum();
        if failed == 0 {
            return;
        }
        // An activity that always fails never ends: the profile keeps one success in a hundred.
        let probability = (failed as f64 / attempts as f64).min(0.99);
        self.entry("fails", format!("{}", (probability * 1e4).round() / 1e4));
        self.comments.push(format!("fails: inferred from {attempts} attempts, {failed} of them failed"));
    }

    fn options(&mut self, options: Options, seen: &[Seen]) {
        if seen.iter().any(|seen| seen.options.is_some_and(|other| other != options)) {
            self.comments.push("retry and time-outs differ between runs: those of the first run".to_owned());
        }
        if let Some(retry) = options.retry {
            let mut entries = Vec::new();
            let initial =
                if retry.initial_interval.0 == Nanos::ZERO { Nanos::from_secs(1) } else { retry.initial_interval.0 };
            if initial != Nanos::from_secs(1) {
                entries.push(format!("initial = \"{}\"", exact(initial)));
            }
            if retry.backoff_coefficient >= 1.0 && retry.backoff_coefficient != 2.0 {
                entries.push(format!("backoff = {:?}", retry.backoff_coefficient));
            }
            let maximum = retry.maximum_interval.0;
            if maximum >= initial && maximum != initial * 100 {
                entries.push(format!("maximum = \"{}\"", exact(maximum)));
            }
            if retry.maximum_attempts > 0 {
                entries.push(format!("attempts = {}", retry.maximum_attempts));
            }
            if !entries.is_empty() {
                self.entry("retry", format!("{{ {} }}", entries.join(", ")));
            }
        }
        if options.heartbeat > Nanos::ZERO {
            // The SDKs send at most every 0.8 of the time-out.
            let every = Nanos(options.heartbeat.0 / 5 * 4);
            self.entry(
                "heartbeat",
                format!("{{ every = \"{}\", timeout = \"{}\" }}", exact(every), exact(options.heartbeat)),
            );
            self.comments.push(
                "heartbeat: the time-out is in the histories; every is assumed, 0.8 of it as SDKs throttle".to_owned(),
            );
        }
        let timeouts = [
            ("start_to_close", options.start_to_close),
            ("schedule_to_start", options.schedule_to_start),
            ("schedule_to_close", options.schedule_to_close),
        ];
        let usual = usual(seen);
        for (key, timeout) in timeouts {
            if timeout == Nanos::ZERO {
                continue;
            }
            if key != "schedule_to_start" && timeout <= usual {
                let (timeout, usual) = (exact(timeout), measured(usual));
                self.comments.push(format!("{key} of {timeout} is left out: the activity took {usual}"));
                continue;
            }
            self.entry(key, quoted(&exact(timeout)));
        }
    }

    fn write(self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        let mut comments = self.comments.into_iter().peekable();
        while let Some(mut line) = comments.next() {
            while let Some(more) = comments.next_if(|more| line.chars().count() + more.chars().count() < WIDEST_COMMENT)
            {
                line = format!("{line} · {more}");
            }
            let _ = writeln!(out, "{indent}# {line}");
        }
        let _ = writeln!(out, "{indent}{{ {} }},", self.entries.join(", "));
    }
}

/// What a profile says of how long it takes, rounded as it is written: the mean or the median, whichever is more. A time-out that is not above it comes from another
/// version of the workflow than most runs, or from a damaged history; a profile with it would not read.
fn usual(seen: &[Seen]) -> Nanos {
    let mut spans: Vec<Nanos> = seen.iter().filter_map(|seen| seen.span).collect();
    spans.sort_unstable();
    let Some(median) = spans.get(spans.len() / 2) else { return Nanos::ZERO };
    written(&measured(mean(&spans).max(*median)))
}

/// Zero of none.
fn mean(spans: &[Nanos]) -> Nanos {
    Nanos((spans.iter().map(|span| u128::from(span.0)).sum::<u128>() / spans.len().max(1) as u128) as u64)
}

/// A text's value: rounding may bring two together.
fn written(text: &str) -> Nanos {
    text.parse().unwrap_or_default()
}

/// A value for samples of a span, and the evidence for it.
fn span(mut spans: Vec<Nanos>) -> (String, String) {
    spans.sort_unstable();
    let (Some(&low), Some(&high)) = (spans.first(), spans.last()) else {
        return ("\"1ms\"".to_owned(), "assumed: no sample".to_owned());
    };
    let samples = spans.len();
    if low == high {
        // Configured spans (timers) are whole microseconds at least; a single measured one is not.
        let text = if low.0 > 0 && low.0.is_multiple_of(1_000_000) { exact(low) } else { measured(low) };
        return (quoted(&text), format!("inferred from {samples} samples, all {text}"));
    }
    let range = format!("({} … {})", measured(low), measured(high));
    let rank = |quantile: f64| spans[((samples as f64 * quantile).ceil() as usize).clamp(1, samples) - 1];
    let (median, tail) = (measured(rank(0.5)), measured(rank(0.99)));
    if samples >= FEWEST_FOR_QUANTILES && written(&median) < written(&tail) {
        let honest = if samples < 100 { ", p99 is the largest of them" } else { "" };
        return (
            format!("{{ p50 = \"{median}\", p99 = \"{tail}\" }}"),
            format!("inferred from {samples} samples {range}{honest}"),
        );
    }
    (quoted(&measured(mean(&spans))), format!("inferred from {samples} samples {range}, their mean"))
}

fn mean_size(sizes: &[u64]) -> Option<(String, String)> {
    let (low, high) = (sizes.iter().min()?, sizes.iter().max()?);
    let samples = sizes.len() as u128;
    let mean = (sizes.iter().map(|size| u128::from(*size)).sum::<u128>() + samples / 2) / samples;
    let value = size(Bytes(mean as u64));
    if low == high {
        return Some((value, format!("{samples} samples, all the same")));
    }
    Some((value, format!("{samples} samples ({} … {}), their mean", size(Bytes(*low)), size(Bytes(*high)))))
}
