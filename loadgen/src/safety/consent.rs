//! Whether anything may be sent at all.

use crate::connect::Endpoint;
use crate::failure::Failure;

use super::flags::SafetyFlags;

/// Asks a person; `None` when there is nobody to ask.
pub trait Ask {
    /// Shows the question and reads one line.
    fn ask(&mut self, question: &str) -> Option<String>;
}

/// The person at the terminal, if there is one: the question goes to stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal;

impl Ask for Terminal {
    fn ask(&mut self, question: &str) -> Option<String> {
        use std::io::{IsTerminal, Write};
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        let mut stderr = std::io::stderr().lock();
        write!(stderr, "{question} ").and_then(|()| stderr.flush()).ok()?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim().to_owned())
    }
}

/// Parts of names that mean production wherever they are in the name; and words that mean it when they stand alone.
const PARTS: [&str; 1] = ["prod"];
const WORDS: [&str; 2] = ["prd", "live"];

/// Whether a host or namespace looks like production: it has `prod` in it, or `prd` or `live` as a word.
///
/// `preprod`, `nonprod` and `product-catalogue` look like it too: asking once too often costs one flag.
pub fn looks_like_production(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
    PARTS.iter().any(|part| name.contains(part)) || words.any(|word| WORDS.contains(&word))
}

/// Lets a command go on that changes the target, or says why not. `what` is what would be done: "start 600 workflows".
///
/// * A host or namespace that looks like production must be named with `--i-know-this-is`; nobody is asked for that.
/// * Without `--yes` somebody at the terminal must say so: "yes" on this machine, the target's host anywhere else.
/// * With `--yes` a target that is not on this machine must be named with `--i-know-this-is` as well.
///
/// # Errors
/// [`Exit::Usage`](crate::failure::Exit::Usage); nothing has been sent then.
pub fn consent(endpoint: &Endpoint, flags: &SafetyFlags, what: &str, person: &mut impl Ask) -> Result<(), Failure> {
    let address = &endpoint.address().value;
    let host = address.host();
    let namespace = endpoint.namespace();
    let refused = |why: String| Err(Failure::usage(format!("nothing was sent: {why}")));
    let full = address.to_string();
    if let Some(other) = flags.i_know_this_is.iter().find(|name| ![host, &full, namespace].contains(&name.as_str())) {
        return refused(format!(
            "--i-know-this-is {other} is not this target: its host is {host}, its namespace {namespace}"
        ));
    }
    let known = |name: &str| flags.i_know_this_is.iter().any(|known| known == name || (name == host && *known == full));
    if let Some((kind, name)) = [("host", host), ("namespace", namespace)]
        .into_iter()
        .find(|(_, name)| looks_like_production(name) && !known(name))
    {
        return refused(format!(
            "the {kind} '{name}' looks like production. If it may be loaded, say so with --i-know-this-is {name}"
        ));
    }
    let elsewhere = !endpoint.is_loopback();
    if flags.yes {
        if elsewhere && !known(host) {
            return refused(format!(
                "{host} is not this machine. If it may be loaded, say so with --i-know-this-is {host} beside --yes"
            ));
        }
        return Ok(());
    }
    let question = match elsewhere {
        true => format!(
            "This would {what} at {full}, namespace {namespace}, which is not this machine. Type the host to go on:"
        ),
        false => format!("This would {what} at {full}, namespace {namespace}. Type yes to go on:"),
    };
    let expected = if elsewhere { host } else { "yes" };
    match person.ask(&question) {
        None => {
            refused(format!("there is nobody to ask. Give --yes to {what}, or --dry-run to only see what it would be"))
        }
        Some(answer) if answer.eq_ignore_ascii_case(expected) => Ok(()),
        Some(_) => refused("the answer was not the one asked for".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;
    use crate::connect::{ConnectFlags, Environment};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        target: ConnectFlags,
        #[command(flatten)]
        safety: SafetyFlags,
    }

    struct Says(Option<&'static str>, usize);

    impl Ask for Says {
        fn ask(&mut self, _question: &str) -> Option<String> {
            self.1 += 1;
            self.0.map(str::to_owned)
        }
    }

    fn decide(line: &str, answer: Option<&'static str>) -> (Result<(), String>, usize) {
        let line = Line::parse_from(std::iter::once("load").chain(line.split_whitespace()));
        let endpoint = Endpoint::resolve_in(&line.target, &Environment::default()).unwrap();
        let mut person = Says(answer, 0);
        let result =
            consent(&endpoint, &line.safety, "start 5 workflows", &mut person).map_err(|failure| failure.to_string());
        (result, person.1)
    }

    #[test]
    fn names_of_production_are_known_by_their_parts() {
        for name in [
            "prod",
            "payments-prod",
            "PROD_EU",
            "prod2.example.com",
            "production",
            "temporal.live.example.com",
            "eu-prd-1",
            "preprod",
        ] {
            assert!(looks_like_production(name), "{name}");
        }
        for name in ["staging", "default", "delivery", "olive", "127.0.0.1", "localhost", "loadtest"] {
            assert!(!looks_like_production(name), "{name}");
        }
    }

    #[test]
    fn without_yes_and_without_a_person_nothing_is_sent() {
        let (result, _) = decide("", None);
        assert!(result.unwrap_err().contains("--yes"));
    }

    #[test]
    fn on_this_machine_yes_is_enough_and_nobody_is_asked() {
        assert_eq!(decide("--yes", None), (Ok(()), 0));
        assert_eq!(decide("", Some("yes")), (Ok(()), 1));
        assert!(decide("", Some("y")).0.is_err());
        assert!(decide("", Some("")).0.is_err());
    }

    #[test]
    fn a_target_elsewhere_must_be_named() {
        let there = "--address temporal.staging.example.com:7233";
        assert!(
            decide(&format!("{there} --yes"), None)
                .0
                .unwrap_err()
                .contains("--i-know-this-is temporal.staging.example.com")
        );
        assert!(decide(&format!("{there} --yes --i-know-this-is temporal.staging.example.com"), None).0.is_ok());
        assert!(decide(&format!("{there} --yes --i-know-this-is temporal.staging.example.com:7233"), None).0.is_ok());
        assert!(decide(there, Some("yes")).0.is_err());
        assert!(decide(there, Some("temporal.staging.example.com")).0.is_ok());
    }

    #[test]
    fn a_production_like_name_is_refused_whoever_says_yes_until_it_is_named_exactly() {
        let there = "--namespace payments-prod";
        assert!(decide(&format!("{there} --yes"), None).0.unwrap_err().contains("looks like production"));
        let (result, asked) = decide(there, Some("yes"));
        assert!(result.is_err() && asked == 0, "nobody is asked");
        assert!(
            decide(&format!("{there} --yes --i-know-this-is payments"), None)
                .0
                .unwrap_err()
                .contains("is not this target")
        );
        assert!(decide(&format!("{there} --yes --i-know-this-is payments-prod"), None).0.is_ok());
    }

    #[test]
    fn naming_the_namespace_does_not_allow_a_production_host() {
        let there = "--address db.prod.example.com --namespace load";
        assert!(decide(&format!("{there} --yes --i-know-this-is load"), None).0.is_err());
        assert!(decide(&format!("{there} --yes --i-know-this-is db.prod.example.com"), None).0.is_ok());
    }
}
