//! Problems of a document, each in its place: file, line, caret, what was expected.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};
use plimsoll_profiles::{Problem, Problems, Source};

/// A page of errors is enough to start with.
const MOST_SHOWN: usize = 20;
/// A line longer than this is a file without lines: it is not printed.
const LONGEST_LINE: usize = 400;

/// The problems as text of at most `width` columns.
pub fn text(problems: &Problems, width: usize, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_context_lines(1).with_links(false);
    let mut out = String::new();
    for problem in problems.problems.iter().take(MOST_SHOWN) {
        let shown = Shown::new(problem, problems.source_of(problem));
        if handler.render_report(&mut out, &shown).is_err() {
            out.push_str(&format!("{shown}\n"));
        }
    }
    let more = problems.problems.len().saturating_sub(MOST_SHOWN);
    if more > 0 {
        out.push_str(&format!("… and {more} more\n"));
    }
    out
}

/// One problem as miette wants it.
#[derive(Debug)]
struct Shown {
    problem: Problem,
    place: String,
    source: Option<NamedSource<String>>,
}

impl Shown {
    fn new(problem: &Problem, source: Option<&Source>) -> Self {
        let problem = problem.clone();
        let (Some(source), Some(span)) = (source, &problem.span) else {
            let place = source.map(|source| source.name.clone()).unwrap_or_default();
            return Shown { problem, place, source: None };
        };
        let (line, column) = source.line_column(span.start);
        let longest = source.text.split('\n').skip(line.saturating_sub(2)).take(3).map(str::len).max().unwrap_or(0);
        if longest > LONGEST_LINE {
            return Shown { problem, place: format!("{}:{line}:{column}", source.name), source: None };
        }
        Shown { problem, place: String::new(), source: Some(NamedSource::new(&source.name, source.text.clone())) }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem.message)?;
        if !self.problem.path.is_empty() {
            write!(f, " in `{}`", self.problem.path)?;
        }
        Ok(())
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn severity(&self) -> Option<Severity> {
        Some(Severity::Error)
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.problem.span.clone().filter(|_| self.source.is_some())?;
        let label = Some(self.problem.label.clone()).filter(|label| !label.is_empty());
        Some(Box::new(std::iter::once(LabeledSpan::new(label, span.start, span.len()))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn problems(text: &str, span: Option<std::ops::Range<usize>>) -> Problems {
        Problems {
            sources: vec![Source { name: "profile.toml".into(), text: text.into() }],
            problems: vec![Problem {
                message: "\"40\" has no unit".into(),
                path: "workflow.0.steps.0.takes".into(),
                source: 0,
                span,
                label: "here".into(),
                help: Some("expected a duration with unit".into()),
            }],
        }
    }

    #[test]
    fn shows_file_line_caret_and_help_without_colour() {
        let text = text(&problems("a = 1\ntakes = \"40\"\n", Some(14..18)), 100, false);
        assert!(text.contains("profile.toml:2:9"), "{text}");
        assert!(text.contains("takes = \"40\""), "{text}");
        assert!(text.contains("expected a duration with unit"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_file_without_lines_is_not_printed() {
        let long = "x".repeat(1_000_000);
        let text = text(&problems(&long, Some(14..18)), 100, false);
        assert!(text.len() < 1_000 && text.contains("profile.toml:1:15"), "{text}");
    }

    #[test]
    fn many_problems_are_cut() {
        let mut many = problems("takes = \"40\"\n", Some(8..12));
        many.problems = vec![many.problems[0].clone(); 1_000];
        assert!(text(&many, 100, false).ends_with("… and 980 more\n"));
    }

    #[test]
    fn a_place_past_the_end_is_no_panic() {
        assert!(text(&problems("short", Some(100..200)), 100, false).contains("has no unit"));
    }
}
