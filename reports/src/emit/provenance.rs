//! Which plan made a file.

use sha2::{Digest, Sha256};

use super::context::{At, Context};
use super::kind::Kind;
use crate::number;

/// SHA-256 of a plan document as it is on disk, in hexadecimal: what `sha256sum plan.json` prints.
pub fn plan_hash(document: &[u8]) -> String {
    Sha256::digest(document).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What made a file, line by line.
pub(super) fn lines(context: &Context<'_>, kind: Kind) -> Vec<String> {
    let plan = context.plan;
    let (when, other) = match context.settings.at {
        At::Now => ("today".to_owned(), ""),
        At::Horizon => (format!("in {}", plan.horizon_label), " --at horizon"),
    };
    let headroom = match plan.load.headroom {
        0.0 => String::new(),
        headroom => format!(" and {} above it", number::percent(headroom)),
    };
    vec![
        format!("profile   {}", plan.profile),
        format!("plan      sha256:{}", context.settings.plan_hash),
        format!("versions  plimsoll {} · {}", context.basis.plimsoll, plan.versions),
        format!("sized for the peak {when}: {}{headroom}", number::rate(context.peak())),
        format!("command   {} --out DIR", context.basis.command),
        format!("          plimsoll emit {}{other} DIR/plan.json", kind.name()),
    ]
}

/// The comment at the top of a file: what it is, and what made it.
pub(super) fn comment(context: &Context<'_>, kind: Kind, about: &[String], mark: &str) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(format!("{mark} {}", line.replace(ends_a_line, " ")).trim_end());
        text.push('\n');
    };
    about.iter().for_each(|about| line(about));
    line("");
    line("Made by plimsoll from a plan: change the profile and make it again, rather than this file.");
    lines(context, kind).iter().for_each(|made| line(made));
    text
}

/// What YAML may take for the end of a line, or TOML refuses in a comment: names hold anything.
fn ends_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_sha256sum() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(plan_hash(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
