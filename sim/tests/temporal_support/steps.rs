//! Runs of a measured file: the shape of a workflow as `measured.json` writes it, turned into a profile.

use std::fmt;

use serde_json::{Map, Value};

/// One run of a measured file.
pub struct MeasuredRun {
    /// Its name; repeats of one shape end in `_rep1`, `_rep2`, …
    pub name: String,
    /// Poisson starts per second.
    pub rate_per_second: f64,
    /// Workflows started.
    pub workflows: f64,
    /// The profile's workflow tables.
    pub shape: String,
    /// The same with payloads of 10 bytes, where the run's payloads were padding that PostgreSQL compresses.
    pub unpadded: Option<String>,
    /// Activities of one workflow whose start-to-close timer outlives the run.
    pub activities: f64,
    /// Whether its activities asked for eager execution.
    pub eager_activities: bool,
    /// What was measured.
    pub values: Value,
}

/// Why a file, or one run of it, cannot be simulated.
#[derive(Debug, PartialEq)]
pub enum Problem {
    /// Not a file of measured runs.
    File(String),
    /// A step of a kind, or with a field, that this reader does not know.
    Unknown {
        /// In which run.
        run: String,
        /// What it is.
        what: String,
    },
    /// The reader knows it, the simulator does not make it.
    NotModelled {
        /// In which run.
        run: String,
        /// What it is.
        what: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::File(what) => write!(f, "{what}"),
            Problem::Unknown { run, what } => write!(f, "run \"{run}\": {what}"),
            Problem::NotModelled { run, what } => write!(f, "run \"{run}\": not modelled: {what}"),
        }
    }
}

/// Rows longer than this are compressed (PostgreSQL's TOAST_TUPLE_THRESHOLD), and padding compresses to a fiftieth.
const COMPRESSED_ABOVE: u64 = 2_000;
/// Where a run does not say how long its payloads are.
const SMALL_PAYLOAD: u64 = 10;

/// The measured workflow's input holds its own steps as JSON beside the padding, about so long.
const DESCRIPTION: u64 = 70;

/// A heartbeat as often as the SDK lets one through races the timer that ends the throttling (both of the same length, the one after the
/// other): where it comes first it is kept back until the timer, and so is every one after it. The last one is then dropped with the activity's end. So
/// the last of n arrives with probability q^(n - 1). Measured: 0.32 of three, 0.067 of five; q = 0.566 and 0.51.
const HEARTBEAT_COMES_AFTER_THE_TIMER: f64 = 0.55;

/// A call that writes, from the client or worker and back: a further signal is sent so much later, and an activity is so much longer for each heartbeat.
/// (A start call took 8.8 ms on the measured machine without load.)
const ONE_CALL_MS: u64 = 9;

/// All runs of a file's text.
pub fn read(text: &str) -> Result<Vec<Result<MeasuredRun, Problem>>, Problem> {
    let whole: Value = serde_json::from_str(text).map_err(|error| Problem::File(format!("not JSON: {error}")))?;
    let runs = whole.get("runs").and_then(Value::as_array).ok_or(Problem::File("it has no list `runs`".to_owned()))?;
    let compressible =
        !whole.get("about").and_then(Value::as_str).is_some_and(|about| about.contains("incompressible"));
    runs.iter().enumerate().map(|(index, run)| Ok(run_of(run, index, compressible))).collect()
}

fn run_of(run: &Value, index: usize, compressible: bool) -> Result<MeasuredRun, Problem> {
    let name = run.get("name").and_then(Value::as_str).map_or_else(|| format!("number {}", index + 1), str::to_owned);
    let unknown = |what: String| Problem::Unknown { run: name.clone(), what };
    let not_modelled = |what: String| Problem::NotModelled { run: name.clone(), what };
    let number = |key: &str| {
        let value = run.get(key).and_then(Value::as_f64).filter(|value| *value > 0.0);
        value.ok_or_else(|| unknown(format!("`{key}` is not a number above 0")))
    };
    let (rate_per_second, workflows) = (number("rate_per_second")?, number("workflows")?);
    let arrivals = run.get("arrivals").and_then(Value::as_str).unwrap_or("poisson");
    if !["poisson", "schedule"].contains(&arrivals) {
        return Err(unknown(format!("arrivals \"{arrivals}\"; known: poisson, schedule")));
    }
    let steps =
        run.get("steps").and_then(Value::as_array).ok_or_else(|| unknown("it has no list `steps`".to_owned()))?;
    let count = |key: &str| run.get(key).and_then(Value::as_u64).unwrap_or(0);
    let padding = run.get("input_padding_bytes").and_then(Value::as_u64).unwrap_or(SMALL_PAYLOAD);
    let input = run.get("workflow_input_bytes").and_then(Value::as_u64).unwrap_or(padding + DESCRIPTION);
    let further = count("continue_as_new");
    let write = |payloads: bool| {
        let mut writer = Writer { payloads, ..Writer::default() };
        let steps = writer.steps(steps)?;
        let again =
            if further > 0 { format!(", {{ continue_as_new = {{ runs = {further} }} }}") } else { String::new() };
        Ok((writer.tables(if payloads { input } else { DESCRIPTION }, &format!("{steps}{again}")), writer))
    };
    let (shape, writer) = write(true).map_err(|wrong: Wrong| match wrong {
        Wrong::Unknown(what) => unknown(what),
        Wrong::NotModelled(what) => not_modelled(what),
    })?;
    if writer.signals != count("signals_sent") {
        let (sent, awaited) = (count("signals_sent"), writer.signals);
        return Err(not_modelled(format!("{sent} signals are sent, the steps wait for {awaited}")));
    }
    if let Err(problem) = super::try_on_measured_machine(&shape, rate_per_second) {
        return Err(not_modelled(format!("the profile has no such thing: {problem}")));
    }
    let padded = compressible && writer.largest_payload.max(padding) > COMPRESSED_ABOVE;
    let unpadded = padded.then(|| write(false).ok().map(|(shape, _)| shape)).flatten();
    Ok(MeasuredRun {
        rate_per_second,
        workflows,
        shape,
        unpadded,
        activities: writer.activities * (1 + further) as f64,
        eager_activities: writer.eager_activities,
        values: run.clone(),
        name,
    })
}

enum Wrong {
    Unknown(String),
    NotModelled(String),
}

/// Writes steps as a profile has them, and notes what else the profile needs.
#[derive(Default)]
struct Writer {
    payloads: bool,
    child: bool,
    /// Further keys of the workflow's table.
    keys: String,
    /// When the client comes to its next part, after the start.
    client_ms: u64,
    signals: u64,
    activities: f64,
    eager_activities: bool,
    largest_payload: u64,
}

/// A step that is never taken.
const NOTHING: &str = "{ branch = [ { probability = 0.0, steps = [ { side_effect = \"none\" } ] } ] }";

/// The fields of one step that were not looked at yet.
struct Fields<'a> {
    kind: &'a str,
    left: Map<String, Value>,
}

impl Fields<'_> {
    fn count(&mut self, key: &str, default: u64) -> Result<u64, Wrong> {
        let Some(value) = self.left.remove(key) else { return Ok(default) };
        value.as_u64().ok_or_else(|| Wrong::Unknown(format!("`{key}` of step \"{}\" is {value}", self.kind)))
    }

    fn flag(&mut self, key: &str) -> Result<bool, Wrong> {
        let Some(value) = self.left.remove(key) else { return Ok(false) };
        value.as_bool().ok_or_else(|| Wrong::Unknown(format!("`{key}` of step \"{}\" is {value}", self.kind)))
    }

    fn steps(&mut self) -> Result<Vec<Value>, Wrong> {
        match self.left.remove("steps") {
            Some(Value::Array(steps)) => Ok(steps),
            _ => Err(Wrong::Unknown(format!("step \"{}\" without a list `steps`", self.kind))),
        }
    }

    fn done(self) -> Result<(), Wrong> {
        match self.left.keys().next() {
            Some(field) => Err(Wrong::Unknown(format!("field `{field}` of step \"{}\" is not known", self.kind))),
            None => Ok(()),
        }
    }
}

impl Writer {
    fn steps(&mut self, steps: &[Value]) -> Result<String, Wrong> {
        let list: Vec<String> = steps.iter().map(|step| self.step(step)).collect::<Result<_, _>>()?;
        let list: Vec<&str> = list.iter().map(String::as_str).filter(|step| !step.is_empty()).collect();
        Ok(list.join(",\n  "))
    }

    /// The profile's workflow tables.
    fn tables(&self, input: u64, steps: &str) -> String {
        let child = match self.child {
            true => {
                let activity = "{ activity = \"a\", takes = \"0s\", cpu = \"800us\", input = \"10B\", output = \"10B\", start_to_close = \"60s\" }";
                format!("[[workflow]]\ntype = \"Child\"\ninput = \"10B\"\nresult = \"10B\"\nsteps = [ {activity} ]\n")
            }
            false => String::new(),
        };
        // A workflow that does nothing: a profile wants one step at least.
        let steps = if steps.is_empty() { NOTHING } else { steps };
        format!(
            "[[workflow]]\ntype = \"Root\"\nshare = 1.0\ninput = \"{input}B\"\nresult = \"10B\"\n{}steps = [ {steps} ]\n{child}",
            self.keys
        )
    }

    /// When the client does its part of a step: after that of the steps before it, and after_ms.
    fn client(&mut self, fields: &mut Fields) -> Result<u64, Wrong> {
        self.client_ms += fields.count("after_ms", 0)?;
        Ok(self.client_ms)
    }

    fn payload(&mut self, bytes: u64) -> u64 {
        self.largest_payload = self.largest_payload.max(bytes);
        if self.payloads { bytes } else { SMALL_PAYLOAD }
    }

    fn activity(&mut self, payload: u64, milliseconds: u64, more: &str) -> String {
        self.activity_taking(payload, &format!("\"{milliseconds}ms\""), &format!("start_to_close = \"60s\"{more}"))
    }

    fn activity_taking(&mut self, payload: u64, takes: &str, more: &str) -> String {
        let bytes = self.payload(payload);
        format!(
            "{{ activity = \"a\", takes = {takes}, cpu = \"800us\", input = \"{bytes}B\", output = \"{bytes}B\", {more} }}"
        )
    }

    fn step(&mut self, step: &Value) -> Result<String, Wrong> {
        let Some(fields) = step.as_object() else { return Err(Wrong::Unknown(format!("step {step}"))) };
        let Some(kind) = fields.get("kind").and_then(Value::as_str) else {
            return Err(Wrong::Unknown(format!("step without a `kind`: {step}")));
        };
        let mut left = fields.clone();
        left.remove("kind");
        let mut fields = Fields { kind, left };
        let text = self.of_kind(&mut fields)?;
        fields.done()?;
        Ok(text)
    }

    fn of_kind(&mut self, fields: &mut Fields) -> Result<String, Wrong> {
        let count = |fields: &mut Fields| fields.count("count", 1);
        match fields.kind {
            "activity" => {
                let (n, payload) = (count(fields)?, fields.count("payload_bytes", SMALL_PAYLOAD)?);
                let one = {
                    let ms = fields.count("duration_ms", 0)?;
                    self.activity(payload, ms, "")
                };
                self.eager_activities |= fields.flag("eager")?;
                self.activities += n as f64;
                Ok(times(n, &one))
            }
            "parallel_activities" => {
                let (n, payload) = (count(fields)?, fields.count("payload_bytes", SMALL_PAYLOAD)?);
                let one = {
                    let ms = fields.count("duration_ms", 0)?;
                    self.activity(payload, ms, "")
                };
                // All of them share one timer at a time.
                self.activities += 1.0;
                Ok(format!("{{ parallel = [ {} ] }}", vec![one; n as usize].join(", ")))
            }
            "timer" => {
                let (n, ms) = (count(fields)?, fields.count("duration_ms", 0)?);
                Ok(times(n, &format!("{{ timer = \"{ms}ms\" }}")))
            }
            "wait_signal" => {
                let (n, payload) = (count(fields)?, fields.count("payload_bytes", SMALL_PAYLOAD)?);
                let after = self.client(fields)?;
                self.signals += n;
                let bytes = self.payload(payload);
                let signals = |count: u64, after: u64| {
                    format!(
                        "{{ wait_signal = \"s\", count = {count}, from_start = true, after = \"{after}ms\", payload = \"{bytes}B\" }}"
                    )
                };
                if n == 1 || after == 0 {
                    return Ok(signals(n, after));
                }
                // The client waits once: the profile's `after` is before each.
                let each: Vec<String> = (0..n).map(|turn| signals(1, after + turn * ONE_CALL_MS)).collect();
                Ok(each.join(", "))
            }
            "signal_with_start" => {
                let n = count(fields)?;
                if n != 1 {
                    return Err(Wrong::NotModelled("more than one signal with the start".to_owned()));
                }
                self.signals += 1;
                self.keys += "signal_with_start = \"with start\"\n";
                Ok("{ wait_signal = \"with start\", count = 1, payload = \"10B\" }".to_owned())
            }
            "update" => {
                let (n, payload) = (count(fields)?, fields.count("payload_bytes", SMALL_PAYLOAD)?);
                let after = self.client(fields)?;
                let bytes = self.payload(payload);
                // Sent right after the start and one after the other, whether or not the workflow has come to wait for them.
                let updates = |count: u64, when: &str| {
                    format!(
                        "{{ update = \"u\", count = {count}, {when}, input = \"{bytes}B\", output = \"{bytes}B\" }}"
                    )
                };
                let from_start = |count| updates(count, &format!("from_start = true, after = \"{after}ms\""));
                if n == 1 || after == 0 {
                    return Ok(from_start(n));
                }
                // The client waits once, then sends each when the one before is completed: the workflow waits for it by then.
                Ok(format!("{}, {}", from_start(1), updates(n - 1, "after = \"0s\"")))
            }
            "query" => {
                let n = count(fields)?;
                self.client(fields)?;
                Ok(format!("{{ query = \"q\", count = {n}, output = \"10B\" }}"))
            }
            "cancel" | "terminate" => {
                let after = self.client(fields)?;
                let key = if fields.kind == "cancel" { "cancelled" } else { "terminated" };
                self.keys += &format!("{key} = {{ probability = 1.0, after = \"{after}ms\" }}\n");
                Ok(String::new())
            }
            "run_timeout" => {
                self.keys += &format!("run_timeout = \"{}ms\"\n", fields.count("timeout_ms", 0)?);
                Ok(String::new())
            }
            "eager_start" => {
                self.keys += "eager_start = true\n";
                Ok(String::new())
            }
            "side_effect" => {
                let n = count(fields)?;
                Ok(times(n, "{ side_effect = \"e\", payload = \"10B\" }"))
            }
            "upsert_search_attributes" => {
                let n = count(fields)?;
                Ok(times(n, "{ upsert_search_attributes = \"k\", payload = \"10B\" }"))
            }
            "child_workflow_with_one_activity" => {
                let (n, not_awaited) = (count(fields)?, fields.flag("not_awaited")?);
                self.child = true;
                self.activities += n as f64;
                Ok(times(
                    n,
                    if not_awaited {
                        "{ child = \"Child\", wait = false, on_parent_close = \"abandon\" }"
                    } else {
                        "{ child = \"Child\" }"
                    },
                ))
            }
            "local_activity" => {
                let (n, payload) = (count(fields)?, fields.count("payload_bytes", SMALL_PAYLOAD)?);
                let ms = fields.count("duration_ms", 0)?;
                let bytes = self.payload(payload);
                Ok(format!(
                    "{{ local_activity = \"l\", takes = \"{ms}ms\", cpu = \"800us\", output = \"{bytes}B\", count = {n} }}"
                ))
            }
            "activity_heartbeating_every" => {
                let (n, every) = (count(fields)?, fields.count("duration_ms", 1_000)?);
                let payload = fields.count("payload_bytes", SMALL_PAYLOAD)?;
                self.activities += 1.0;
                // Go sends a heartbeat no more often than every 0.8 heartbeat time-outs.
                let timeout = fields.count("timeout_ms", every * 5 / 4)?;
                let races = timeout * 4 / 5 == every;
                let arrives = if races { HEARTBEAT_COMES_AFTER_THE_TIMER.powi(n as i32 - 1) } else { 0.0 };
                // The call is waited for, so that the next heartbeat is due so much later: all of them where each gets through, else those that
                // come when the throttling is over.
                let (each, longer) = match races {
                    true => (every + ONE_CALL_MS, 0),
                    false => (every, ONE_CALL_MS * (1 + (n - 1) * every / (timeout * 4 / 5).max(every))),
                };
                let beats = format!(", heartbeat = {{ every = \"{each}ms\", timeout = \"{timeout}ms\" }}");
                let last = (n * each).saturating_sub(if races { ONE_CALL_MS } else { 0 });
                let without = self.activity(payload, last + longer, &beats);
                let with = self.activity(payload, n * each + 1, &beats);
                Ok(format!(
                    "{{ branch = [ {{ probability = {}, steps = [ {without} ] }}, {{ probability = {arrives}, steps = [ {with} ] }} ] }}",
                    1.0 - arrives
                ))
            }
            "activity_failing_first_attempts" => {
                let (n, payload) = (count(fields)?, fields.count("payload_bytes", SMALL_PAYLOAD)?);
                let ms = fields.count("duration_ms", 0)?;
                self.activities += (n + 1) as f64;
                let policy = format!(", fails_first = {n}, retry = {{ initial = \"100ms\", backoff = 1.0 }}");
                Ok(self.activity(payload, ms, &policy))
            }
            "activity_failing_not_retryable" => {
                let (payload, ms) = (fields.count("payload_bytes", SMALL_PAYLOAD)?, fields.count("duration_ms", 0)?);
                self.activities += 1.0;
                Ok(self.activity(payload, ms, ", fails = 1.0, non_retryable = 1.0"))
            }
            "activity_timing_out_first_attempt" => {
                let (payload, timeout) =
                    (fields.count("payload_bytes", SMALL_PAYLOAD)?, fields.count("timeout_ms", 1_000)?);
                self.activities += 1.0;
                // A profile has no attempt that times out for certain. One that does every second time takes as many attempts in the mean: the
                // counts are right, the latencies are not.
                let takes =
                    format!("{{ \"p49.9\" = \"1ms\", \"p50.1\" = \"{0}ms\", \"p99.9\" = \"{0}.1ms\" }}", timeout + 500);
                let policy =
                    format!("start_to_close = \"{timeout}ms\", retry = {{ initial = \"100ms\", backoff = 1.0 }}");
                Ok(self.activity_taking(payload, &takes, &policy))
            }
            "schedule_start" => {
                self.keys += "scheduled = true\n";
                Ok(String::new())
            }
            "sequence" => {
                let steps = fields.steps()?;
                Ok(format!("{{ sequence = [ {} ] }}", self.steps(&steps)?))
            }
            "parallel" => {
                let steps = fields.steps()?;
                Ok(format!("{{ parallel = [ {} ] }}", self.steps(&steps)?))
            }
            "repeat" => {
                let n = match fields.left.contains_key("times") {
                    true => fields.count("times", 1)?,
                    false => count(fields)?,
                };
                let before = (self.signals, self.activities);
                let steps = fields.steps()?;
                let text = self.steps(&steps)?;
                self.signals = before.0 + n * (self.signals - before.0);
                self.activities = before.1 + n as f64 * (self.activities - before.1);
                Ok(times(n, &text))
            }
            other => Err(Wrong::Unknown(format!("steps of kind \"{other}\" are not known"))),
        }
    }
}

fn times(n: u64, steps: &str) -> String {
    if n == 1 { steps.to_owned() } else { format!("{{ repeat = {{ times = {n}, steps = [ {steps} ] }} }}") }
}
