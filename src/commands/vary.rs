//! `--vary KEY=RANGE`: the values a sweep goes through.

/// One key and its values, as texts that `--set` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The key, dotted.
    pub key: String,
    /// At least one.
    pub values: Vec<String>,
}

const EXPECTED: &str = "expected KEY=A..B, KEY=A..B:STEP, KEY=A..B:xFACTOR or KEY=A,B,C, e.g. workers.pods=1..8, \
                        arrivals.phases.0.rate=20/s..100/s:20/s, cluster.history_shards=64..1024:x2";
/// More values than this are a mistyped step.
const MOST_VALUES: usize = 10_000;
/// Decimals kept: steps are added exactly, so that 0.1 + 0.2 is 0.3.
const SCALE: i128 = 1_000_000_000;

impl Axis {
    /// Reads `KEY=RANGE`; the bounds are part of the range, the last value is the largest within it.
    pub fn parse(text: &str) -> Result<Axis, String> {
        let wrong = |reason: &str| format!("--vary {text:?}: {reason}; {EXPECTED}");
        let (key, range) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        let key = key.trim();
        if key.is_empty() {
            return Err(wrong("there is no key"));
        }
        let values = match range.split_once("..") {
            None => list(range),
            Some((from, rest)) => steps(from, rest),
        };
        let values = values.map_err(|reason| wrong(&reason))?;
        Ok(Axis { key: key.to_owned(), values })
    }
}

/// Every combination, the last key fastest.
pub fn grid(axes: &[Axis], most: usize) -> Result<Vec<Vec<String>>, String> {
    let size = axes.iter().try_fold(1usize, |size, axis| size.checked_mul(axis.values.len())).unwrap_or(usize::MAX);
    if size > most {
        return Err(format!("the grid has {size} points, more than {most}: use fewer or larger steps"));
    }
    if let Some(twice) =
        axes.iter().enumerate().find(|(at, axis)| axes[..*at].iter().any(|other| other.key == axis.key))
    {
        return Err(format!("--vary names {} twice", twice.1.key));
    }
    let mut points = vec![Vec::new()];
    for axis in axes {
        points = points
            .iter()
            .flat_map(|point| {
                axis.values.iter().map(|value| {
                    let mut point = point.clone();
                    point.push(value.clone());
                    point
                })
            })
            .collect();
    }
    Ok(points)
}

fn list(range: &str) -> Result<Vec<String>, String> {
    let values: Vec<String> = range.split(',').map(|value| value.trim().to_owned()).collect();
    match values.iter().any(String::is_empty) {
        true => Err("a value is empty".to_owned()),
        false => Ok(values),
    }
}

fn steps(from: &str, rest: &str) -> Result<Vec<String>, String> {
    let (to, step) = rest.split_once(':').map_or((rest, None), |(to, step)| (to, Some(step.trim())));
    let (from, to) = (Quantity::parse(from)?, Quantity::parse(to)?);
    let unit = match (from.unit, to.unit) {
        (a, b) if a == b => a,
        // `20..100/s`: the unit stands once.
        ("", unit) => unit,
        (a, b) => return Err(format!("the bounds have the units {a:?} and {b:?}")),
    };
    if from.value > to.value {
        return Err("the range goes downwards".to_owned());
    }
    let next: Box<dyn Fn(i128) -> Option<i128>> = match step {
        None => Box::new(|value| value.checked_add(SCALE)),
        Some(step) if step.starts_with(['x', '×', '*']) => {
            let factor = Quantity::parse(step.trim_start_matches(['x', '×', '*']))?;
            if factor.value <= SCALE || !factor.unit.is_empty() || from.value <= 0 {
                return Err("a factor must be above 1 without unit, and the range begin above 0".to_owned());
            }
            Box::new(move |value| value.checked_mul(factor.value).map(|product| product / SCALE))
        }
        Some(step) => {
            let step = Quantity::parse(step)?;
            if step.value <= 0 || !(step.unit.is_empty() || step.unit == unit) {
                return Err("the step must be above 0 and in the bounds' unit".to_owned());
            }
            Box::new(move |value| value.checked_add(step.value))
        }
    };
    let mut values = Vec::new();
    let mut value = Some(from.value);
    while let Some(current) = value.filter(|value| *value <= to.value) {
        if values.len() == MOST_VALUES {
            return Err(format!("it has more than {MOST_VALUES} values"));
        }
        values.push(decimal(current) + unit);
        // A factor that no longer moves a tiny value would never end.
        value = next(current).filter(|next| *next > current);
    }
    Ok(values)
}

struct Quantity<'a> {
    value: i128,
    unit: &'a str,
}

impl<'a> Quantity<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let no_number = || format!("{text:?} does not begin with a number");
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty()
            || whole.len() > 18
            || fraction.len() > 9
            || fraction.contains('.')
            || unit.contains(|c: char| c.is_ascii_digit())
        {
            return Err(no_number());
        }
        let whole: i128 = whole.parse().map_err(|_| no_number())?;
        let fraction: i128 = format!("{fraction:0<9}").parse().map_err(|_| no_number())?;
        Ok(Quantity { value: whole * SCALE + fraction, unit: unit.trim() })
    }
}

fn decimal(value: i128) -> String {
    let text = format!("{}.{:09}", value / SCALE, value % SCALE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_a_range_or_refused(text in "\\PC{0,40}") {
            let _ = Axis::parse(&text);
        }

        #[test]
        fn what_looks_like_a_range_is_one_or_refused(text in "k=[0-9.]{1,30}(ms|/s)?\\.\\.[0-9.]{1,30}(/s)?(:x?[0-9.]{1,30})?") {
            let _ = Axis::parse(&text);
        }

        #[test]
        fn a_range_goes_from_its_first_bound_by_its_step_to_its_last(
            from in 0u64..1_000_000, steps in 0u64..1_000, step in 1u64..1_000, decimals in 0u32..6,
        ) {
            let unit = 10u64.pow(decimals);
            let value = |units: u64| format!("{}.{:0width$}", units / unit, units % unit, width = decimals as usize);
            let value = |units: u64| if decimals == 0 { units.to_string() } else { value(units) };
            let text = format!("k={}..{}:{}", value(from), value(from + steps * step), value(step));
            let values = values(&text);
            proptest::prop_assert_eq!(values.len() as u64, steps + 1);
            for (at, text) in (0u64..).zip(&values) {
                let expected = (from + at * step) as f64 / unit as f64;
                proptest::prop_assert!((text.parse::<f64>().unwrap() - expected).abs() < 1e-9, "{} {}", text, expected);
            }
        }
    }

    fn values(text: &str) -> Vec<String> {
        Axis::parse(text).unwrap().values
    }

    #[test]
    fn ranges_steps_factors_and_lists() {
        assert_eq!(values("workers.pods=1..4"), ["1", "2", "3", "4"]);
        assert_eq!(values("k=10..45:10"), ["10", "20", "30", "40"]);
        assert_eq!(values("k=64..1024:x2"), ["64", "128", "256", "512", "1024"]);
        assert_eq!(values("k=1,2,4"), ["1", "2", "4"]);
        assert_eq!(values("k=0.1..0.4:0.1"), ["0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(values("k=20/s..60/s:20/s"), ["20/s", "40/s", "60/s"]);
        assert_eq!(values("k=20..60/s:20"), ["20/s", "40/s", "60/s"]);
        assert_eq!(values("k=10ms, 1s"), ["10ms", "1s"]);
    }

    #[test]
    fn what_is_no_range_is_refused_with_what_was_expected() {
        for text in [
            "pods",
            "=1..2",
            "k=",
            "k=1,,2",
            "k=4..1",
            "k=1..4:0",
            "k=1..4:x1",
            "k=0..4:x2",
            "k=1..4:-1",
            "k=a..b",
            "k=1ms..4s",
            "k=1..99999999",
            "k=1..2..3",
            "k=1e300..2e300",
            "k=1.2.3..4",
        ] {
            let error = Axis::parse(text).unwrap_err();
            assert!(error.contains("expected KEY=A..B"), "{text}: {error}");
        }
    }

    #[test]
    fn a_grid_is_every_combination_and_has_a_limit() {
        let axes = [Axis::parse("a=1..2").unwrap(), Axis::parse("b=x,y").unwrap()];
        assert_eq!(grid(&axes, 4).unwrap(), [["1", "x"], ["1", "y"], ["2", "x"], ["2", "y"]]);
        assert!(grid(&axes, 3).is_err());
        assert!(grid(&[axes[0].clone(), axes[0].clone()], 100).unwrap_err().contains("twice"));
    }
}
