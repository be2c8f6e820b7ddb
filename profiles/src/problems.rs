//! What is wrong with a profile: where, what, and what to do about it.
//!
//! The crate draws nothing: a program turns [`Problems`] into its own kind of diagnostics, or prints them as they are.

use std::fmt;
use std::ops::Range;

/// A text that problems point into: the profile itself, a shipped cluster, a `--set` argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// File name as the user gave it, `cluster kubernetes-production`, or `--set`.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

impl Source {
    /// Line and column (both from 1, in characters) of a byte offset; offsets past the end are at the end.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The key it is about, dotted as `--set` takes it (`workflow.0.steps.1.takes`); empty for the whole file.
    pub path: String,
    /// Index into [`Problems::sources`].
    pub source: usize,
    /// Bytes of that source to underline; `None` where there is no text (a missing file).
    pub span: Option<Range<usize>>,
    /// What to write at the underlined place, in a few words.
    pub label: String,
    /// What was expected, the nearest valid key, or what to do.
    pub help: Option<String>,
}

/// Everything that is wrong with one profile; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The texts the problems point into; the first is the profile.
    pub sources: Vec<Source>,
    /// What is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Problems {
    /// A problem with a file as a whole, without a place in it.
    pub(crate) fn whole_file(name: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Problems {
            sources: vec![Source { name: name.to_owned(), text: String::new() }],
            problems: vec![Problem {
                message: message.into(),
                path: String::new(),
                source: 0,
                span: None,
                label: String::new(),
                help: Some(help.into()),
            }],
        }
    }

    /// The source a problem points into.
    pub fn source_of(&self, problem: &Problem) -> Option<&Source> {
        self.sources.get(problem.source)
    }
}

impl fmt::Display for Problems {
    /// One line per problem: `file:line:column: message: label (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let source = self.source_of(problem);
            f.write_str(source.map_or("profile", |s| s.name.as_str()))?;
            if let (Some(source), Some(span)) = (source, &problem.span) {
                let (line, column) = source.line_column(span.start);
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": {}", problem.message)?;
            if !problem.path.is_empty() {
                write!(f, " in `{}`", problem.path)?;
            }
            if let Some(help) = &problem.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The candidate most like `word`, if one is like it: at most a third of the letters differ (Levenshtein).
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if word.chars().count() > LONGEST {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance: insertions, deletions, replacements.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_suggested_only_when_it_is_near() {
        assert_eq!(nearest("taeks", ["takes", "cpu"].into_iter()), None);
        assert_eq!(nearest("take", ["takes", "cpu"].into_iter()), Some("takes"));
        assert_eq!(nearest("retension", ["retention", "horizon"].into_iter()), Some("retention"));
        assert_eq!(nearest("colour", ["takes", "cpu"].into_iter()), None);
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let source = Source { name: "x".into(), text: "a\nüb\n".into() };
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(4), (2, 2));
        assert_eq!(source.line_column(99), (3, 1));
    }
}
