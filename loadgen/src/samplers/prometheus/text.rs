//! Prometheus's text format, version 0.0.4, as far as a reader of counters and gauges needs it.

/// One sample of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name of the metric, with `_sum`, `_count` or `_bucket` where it is part of a histogram.
    pub name: String,
    /// Labels in the order of the text.
    pub labels: Vec<(String, String)>,
    /// The value; may be infinite or not a number.
    pub value: f64,
}

impl Series {
    /// A label's value; empty when it has no such label, which is the same to Prometheus.
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// What is not in the format: the line's number from 1, and the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Number of the line, from 1.
    pub number: usize,
    /// Its beginning.
    pub text: String,
}

/// Reads the series whose metric is `wanted`. The rest of a line is not looked at when its metric is not: a busy server writes
/// thousands of lines, most of them histogram buckets.
///
/// # Errors
/// The first line of a wanted metric, or without any name, that is not in the format.
pub fn parse(text: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<Series>, BadLine> {
    let mut list = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = || BadLine { number: index + 1, text: line.chars().take(80).collect() };
        let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).ok_or_else(bad)?;
        let (name, rest) = line.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(bad());
        }
        if !wanted(name) {
            continue;
        }
        let (labels, rest) = labels(rest.trim_start_matches([' ', '\t'])).ok_or_else(bad)?;
        // A timestamp may follow.
        let value = rest.split([' ', '\t']).find(|word| !word.is_empty()).ok_or_else(bad)?;
        let value = value.parse().map_err(|_| bad())?;
        list.push(Series { name: name.to_owned(), labels, value });
    }
    Ok(list)
}

type Labels = Vec<(String, String)>;

/// `{name="value",…}` and what follows it; no labels when there is no brace.
fn labels(text: &str) -> Option<(Labels, &str)> {
    let mut list = Vec::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Some((list, text)) };
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((list, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start_matches([' ', '\t']))?;
        list.push((name.trim_matches([' ', '\t']).to_owned(), value));
        rest = after;
    }
}

/// A quoted value without its escapes, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &body[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_may_have_labels_escapes_blanks_and_a_timestamp() {
        let text = "# HELP a b\n\na_total{x=\"1\", y = \"a \\\"quoted\\\" \\\\ back\\nslash\",} 2.5e+07 1700000000000\r\nb +Inf\n c{} NaN\n";
        let series = parse(text, |_| true).unwrap();
        assert_eq!(series[0].label("y"), "a \"quoted\" \\ back\nslash");
        assert_eq!((series[0].label("x"), series[0].label("none"), series[0].value), ("1", "", 2.5e7));
        assert_eq!((series[1].name.as_str(), series[1].value), ("b", f64::INFINITY));
        assert!(series[2].value.is_nan());
    }

    #[test]
    fn what_is_not_the_format_is_named_by_its_line() {
        for text in ["<html>", "a{x=\"1\" 2", "a{x=1} 2", "a", "a{} ", "a two", "1a 2", "a{x=\"unclosed 2"] {
            let error = parse(&format!("# fine\n{text}"), |_| true).unwrap_err();
            assert_eq!(error, BadLine { number: 2, text: text.trim().to_owned() });
        }
    }

    proptest! {
        #[test]
        fn any_value_that_can_be_written_is_read_back(
            labels in proptest::collection::vec(("[a-z_]{1,6}", "\\PC{0,12}"), 0..4), value in any::<f64>()
        ) {
            let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let series = parse(&format!("m{{{}}} {value:e}\n", pairs.join(",")), |_| true).unwrap();
            prop_assert_eq!(&series[0].labels, &labels);
            prop_assert!(series[0].value == value || value.is_nan());
        }

        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|\n){0,80}") {
            let _ = parse(&text, |_| true);
        }
    }
}
