//! Nothing that anybody may write makes the reader panic; what it takes, it takes the same way again.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::units::{Bytes, Cores, Nanos, Probability, Rate};
use plimsoll_profiles::{Document, Level, Problems, World, shipped};
use proptest::prelude::*;
use proptest::sample::select;

/// Every place of every problem can be shown.
fn assert_showable(problems: &Problems) {
    assert!(!problems.problems.is_empty());
    for problem in &problems.problems {
        let source = problems.source_of(problem).expect("a source");
        if let Some(span) = &problem.span {
            assert!(source.text.get(span.clone()).is_some(), "{span:?} of {} bytes", source.text.len());
            source.line_column(span.start);
        }
        assert!(!problem.message.is_empty());
    }
    assert!(!problems.to_string().is_empty());
}

fn read(text: &str, overrides: &[String]) {
    match Document::parse(text, "p.toml", overrides) {
        Ok(document) => {
            document.profile(&World::mid()).expect("the middle world of a document is valid");
            document.to_json(&World::sampled(1, 1));
        }
        Err(problems) => assert_showable(&problems),
    }
}

/// Pieces that meet in profiles, right and wrong.
fn piece() -> impl Strategy<Value = String> {
    let known = select(vec![
        "name",
        "arrivals",
        "phases",
        "workflow",
        "type",
        "share",
        "steps",
        "activity",
        "takes",
        "timer",
        "repeat",
        "times",
        "branch",
        "probability",
        "parallel",
        "child",
        "low",
        "mid",
        "high",
        "p50",
        "p99",
        "mean",
        "cv",
        "cluster",
        "use",
        "slo",
        "workers",
        "growth",
        "for",
        "rate",
        "ramp",
        "diurnal",
        "mmpp",
        "trace",
        "file",
        "[",
        "]",
        "{",
        "}",
        "[[",
        "]]",
        "=",
        ",",
        ".",
        "\n",
        "\"",
        "'",
        "\"1s\"",
        "\"-1s\"",
        "\"1e300\"",
        "\"20/s\"",
        "\"2GiB\"",
        "nan",
        "inf",
        "-inf",
        "1e300",
        "-1",
        "0",
        "1",
        "18446744073709551616",
        "0x7f",
        "true",
        "1979-05-27",
        "\"staging\"",
        "\"ü\"",
        "\u{feff}",
        "\u{0}",
        "#",
        "\r\n",
        "\"\"\"",
        "[arrivals]\n",
        "[[workflow]]\n",
        "name = \"x\"\n",
        "phases = [{ for = \"1min\", rate = \"1/s\" }]\n",
        "steps = [{ timer = \"1s\" }]\n",
        "type = \"W\"\n",
        "[cluster]\nuse = \"staging\"\n",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_text_is_read_or_refused(pieces in prop::collection::vec(piece(), 0..60)) {
        read(&pieces.join(" "), &[]);
        read(&pieces.concat(), &[]);
    }

    #[test]
    fn any_override_is_taken_or_refused(key in "[a-z0-9.\\[\\] ]{0,12}", value in piece(), known in select(vec![
        "workflow.0.steps.0.takes", "workflow.0.steps", "arrivals.phases.0", "cluster", "cluster.use", "name", "slo", "workers.pod",
    ])) {
        let text = shipped::profile("order-fulfilment").unwrap().text;
        read(text, &[format!("{key}={value}")]);
        read(text, &[format!("{known}={value}")]);
        read(text, &[value]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// A shipped profile with a stretch removed, doubled or replaced.
    #[test]
    fn a_mutated_profile_is_read_or_refused(
        which in 0..shipped::PROFILES.len(),
        edits in prop::collection::vec((0.0..1.0f64, 0usize..40, piece(), 0u8..3), 1..4),
    ) {
        let mut text: Vec<char> = shipped::PROFILES[which].text.chars().collect();
        for (at, length, piece, kind) in edits {
            let start = (at * text.len() as f64) as usize;
            let end = (start + length).min(text.len());
            let new: Vec<char> = match kind {
                0 => Vec::new(),
                1 => [&text[start..end], &text[start..end]].concat(),
                _ => piece.chars().collect(),
            };
            text.splice(start..end, new);
        }
        read(&text.into_iter().collect::<String>(), &[]);
    }
}

proptest! {
    #[test]
    fn what_a_duration_says_parses_to_the_same(nanos in prop_oneof![0..=Nanos::MAX_INPUT.0, 0u64..100_000_000_000,
        (0u64..3_000_000, select(vec![1u64, 1_000, 1_000_000, 1_000_000_000])).prop_map(|(n, unit)| n * unit)]) {
        prop_assert_eq!(Nanos(nanos).to_string().parse(), Ok(Nanos(nanos)));
    }

    #[test]
    fn what_a_size_says_parses_to_the_same(bytes in prop_oneof![0..=Bytes::MAX_INPUT.0, (0u64..5_000).prop_map(|n| n << 20)]) {
        prop_assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
    }

    #[test]
    fn what_other_quantities_say_parses_to_the_same(value in prop_oneof![0.0..1.0f64, 1e-12..1e-6f64, Just(0.0), Just(1.0)]) {
        prop_assert_eq!(Probability::new(value).to_string().parse(), Ok(Probability::new(value)));
        prop_assert_eq!(Cores::new(value * 1e5).to_string().parse(), Ok(Cores::new(value * 1e5)));
        prop_assert_eq!(Rate::per_second(value * 1e8).to_string().parse(), Ok(Rate::per_second(value * 1e8)));
    }

    #[test]
    fn any_text_is_a_quantity_or_not(text in "\\PC{0,20}", number in "[0-9.eE+-]{0,12}", unit in "[a-zA-Z%/µ ]{0,6}") {
        for text in [text, format!("{number}{unit}")] {
            let _ = (text.parse::<Nanos>(), text.parse::<Bytes>(), text.parse::<Rate>());
            let _ = (text.parse::<Cores>(), text.parse::<Probability>());
        }
    }
}

#[test]
fn long_and_deep_texts_are_refused_without_overflow() {
    let mib = 1 << 20;
    for text in [
        "[".repeat(mib),
        "x=".to_owned() + &"[".repeat(mib - 2),
        "x=".to_owned() + &"{a=".repeat((mib - 2) / 3),
        "a.".repeat(mib / 2 - 2) + "a=1",
        "[".to_owned() + &"a.".repeat(mib / 2 - 2) + "a]",
        "x = {".to_owned() + &"a.".repeat(mib / 2 - 8) + "a = 1}",
        "x = [\n".to_owned() + &"1,\n".repeat(mib / 3 - 4) + "]",
        "name = \"".to_owned() + &"x".repeat(mib - 20) + "\"",
        "x = \"".to_owned() + &"é".repeat(mib / 2 - 20),
        "[a]\n".repeat(mib / 4),
        "[[a]]\n".repeat(mib / 6),
        (0..60_000).map(|i| format!("key{i} = 1\n")).collect(),
    ] {
        let problems = Document::parse(&text, "p.toml", &[]).expect_err("refused");
        assert_showable(&problems);
    }
}

#[test]
fn units_mean_what_they_say() {
    let duration = |text: &str| text.parse::<Nanos>().unwrap();
    assert_eq!(duration("1h30m"), Nanos::from_secs(5_400));
    assert_eq!(duration("1.5s"), Nanos::from_millis(1_500));
    assert_eq!(duration("0.000000001s"), Nanos(1));
    assert_eq!(duration("12mo"), duration("1y"));
    assert_eq!(duration("2d 3h"), Nanos::from_secs(51 * 3_600));
    assert_eq!(duration("100y"), Nanos::MAX_INPUT);
    assert_eq!("64MB".parse(), Ok(Bytes(64_000_000)));
    assert_eq!("2Gi".parse(), Ok(Bytes::gib(2)));
    assert_eq!("1.5KiB".parse(), Ok(Bytes(1_536)));
    assert_eq!("20/min".parse::<Rate>().unwrap().as_per_second(), 20.0 / 60.0);
    assert_eq!("1M/day".parse::<Rate>().unwrap().as_per_second(), 1e6 / 86_400.0);
    assert_eq!("250m".parse::<Cores>().unwrap().get(), 0.25);
    assert_eq!("1%".parse::<Probability>().unwrap().get(), 0.01);
    assert_eq!(duration("1.93s").brief().to_string(), "1.93s");
    assert_eq!(duration("1.934567s").brief().to_string(), "1.93s");
    assert_eq!(duration("1.934567s").to_string(), "1.934567s");
    assert_eq!(duration("90min").to_string(), "90min");
}

#[test]
fn uncertain_inputs_are_found_and_chosen() {
    let document = Document::parse(shipped::profile("order-fulfilment").unwrap().text, "p.toml", &[]).unwrap();
    let [input] = document.uncertain_inputs() else { panic!("{:?}", document.uncertain_inputs()) };
    assert_eq!(input.path, "workflow.0.steps.2.branch.1.steps.1.after");
    assert_eq!((input.low.as_str(), input.mid.as_str(), input.high.as_str()), ("2h", "1d", "4d"));
    let wait = |world: &World| {
        let profile = document.profile(world).unwrap();
        format!("{:?}", profile.workflows[0].steps)
    };
    assert!(wait(&World::mid()).contains("Constant(Nanos(86400000000000))"));
    assert!(wait(&World::mid().with(&input.path, Level::High)).contains("Constant(Nanos(345600000000000))"));
    // An override may take the uncertainty away.
    let set = format!("{}=3h", input.path);
    let certain = Document::parse(shipped::profile("order-fulfilment").unwrap().text, "p.toml", &[set]).unwrap();
    assert!(certain.uncertain_inputs().is_empty());
}

#[test]
fn uncertain_shares_are_rescaled_to_one() {
    let text = r#"
name = "x"
arrivals.phases = [{ for = "1min", rate = "1/s" }]
[[workflow]]
type = "A"
share = { low = 0.1, mid = 0.3, high = 0.5 }
steps = [{ timer = "1s" }]
[[workflow]]
type = "B"
share = 0.7
steps = [{ timer = "1s" }]
"#;
    let document = Document::parse(text, "p.toml", &[]).unwrap();
    for level in [Level::Low, Level::Mid, Level::High] {
        let profile = document.profile(&World::mid().with("workflow.0.share", level)).unwrap();
        let sum: f64 = profile.workflows.iter().map(|w| w.share.unwrap().get()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{level:?}: {sum}");
    }
}
