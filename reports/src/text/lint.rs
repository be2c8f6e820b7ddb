//! Lint findings as text: by group and rule, each in its place, then why and what to do once per rule.

use super::layout::{Page, Style, clean};
use crate::lint_document::{LintDocument, LintFinding, LintRule, LintSeverity};
use crate::wording;

/// Places shown of one rule; a page of the same is enough.
const MOST_SHOWN: usize = 12;

/// The findings for a terminal of `width` columns (below 60 it is taken as 60).
pub fn lint(document: &LintDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    let checked = format!("{} rules checked", document.rules.len());
    let files = match document.files.as_slice() {
        [only] => only.clone(),
        several => format!("{} files", several.len()),
    };
    page.ends(&files, &checked);
    let mut group = "";
    let mut rest = document.findings.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|finding| finding.rule == first.rule).count();
        let (of_rule, after) = rest.split_at(same);
        rest = after;
        let rule = document.rule(&first.rule);
        if let Some(rule) = rule.filter(|rule| rule.group != group) {
            group = &rule.group;
            page.gap();
            page.line(Style::Bold, group);
        }
        page.gap();
        for finding in of_rule.iter().take(MOST_SHOWN) {
            one(&mut page, finding);
        }
        if of_rule.len() > MOST_SHOWN {
            page.line(Style::Dim, &format!("    … and {} more of {}", of_rule.len() - MOST_SHOWN, first.rule));
        }
        if let Some(rule) = rule {
            page.line_hanging("    source ", &rule.source);
            page.line_hanging("    why    ", &wording::sentence(&rule.why));
            page.line_hanging("    mend   ", &wording::sentence(&rule.mend));
        }
    }
    page.gap();
    for note in &document.notes {
        page.hanging(Style::Plain, &format!("Note: {}", wording::sentence(note)), 2);
    }
    for allowed in &document.allowed {
        let text =
            format!("{} {} is allowed by {}: {}", allowed.rule, allowed.name, allowed.by, findings(allowed.findings));
        page.hanging(Style::Dim, &text, 2);
    }
    let style = if document.passed { Style::Good } else { Style::Bad };
    page.hanging(style, &ending(document), 2);
    page.finish()
}

/// The rules for a terminal of `width` columns (below 60 it is taken as 60).
pub fn lint_rules(rules: &[LintRule], width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    let mut group = "";
    for rule in rules {
        if rule.group != group {
            group = &rule.group;
            page.gap();
            page.line(Style::Bold, group);
        }
        let looks_at = match (rule.profiles, rule.histories) {
            (true, true) => "profiles and histories",
            (true, false) => "profiles",
            _ => "histories",
        };
        page.gap();
        let head = format!("{} {} (up to {}; {looks_at}): {}", rule.id, rule.name, rule.severity.word(), rule.title);
        page.hanging(Style::Plain, &head, 4);
        page.line_hanging("    source ", &rule.source);
        page.line_hanging("    why    ", &wording::sentence(&rule.why));
        page.line_hanging("    mend   ", &wording::sentence(&rule.mend));
    }
    page.finish()
}

fn one(page: &mut Page, finding: &LintFinding) {
    let style = match finding.severity {
        LintSeverity::Error => Style::Bad,
        LintSeverity::Warning => Style::Bold,
        LintSeverity::Note => Style::Plain,
    };
    let head = format!("{} {} {}: {}", finding.severity.word(), finding.rule, finding.name, finding.message);
    page.hanging(style, &head, 4);
    let place = &finding.place;
    let mut at = place.file.clone();
    if let Some(line) = place.line {
        at.push_str(&format!(":{line}"));
        if let Some(column) = place.column {
            at.push_str(&format!(":{column}"));
        }
    }
    if !place.path.is_empty() {
        at.push_str(&format!(" `{}`", place.path));
    }
    page.line_hanging("    at     ", &at);
    if let (Some(line), Some(text), Some(column)) = (place.line, &place.text, place.column) {
        let end = place.end_column.unwrap_or(column + 1);
        for shown in snippet(line, text, column, end, page.width()) {
            page.line(Style::Plain, &shown);
        }
    }
    page.line_hanging("    found  ", &format!("{} · limit {}", finding.found, finding.limit));
}

/// The line with what is meant underlined; of a long line the part around it.
fn snippet(line: usize, text: &str, column: usize, end: usize, width: usize) -> [String; 2] {
    let letters: Vec<char> = clean(text).chars().collect();
    let number = format!("{line:>8} │ ");
    let blank = format!("{:>8} │ ", "");
    let room = width.saturating_sub(number.chars().count()).max(20);
    let start = column.saturating_sub(1).min(letters.len());
    let end = end.saturating_sub(1).clamp(start, letters.len().max(start));
    // Some of what stands before it, so that it is recognised.
    let from = if letters.len() <= room { 0 } else { start.saturating_sub(room / 3).min(letters.len() - room) };
    let indent = letters.iter().take_while(|letter| **letter == ' ').count().min(start);
    let from = if from == 0 && indent > 0 { indent.min(start) } else { from };
    let mut shown: Vec<char> = letters.iter().skip(from).take(room).copied().collect();
    if from > indent && !shown.is_empty() {
        shown[0] = '…';
    }
    if from + room < letters.len()
        && let Some(last) = shown.last_mut()
    {
        *last = '…';
    }
    let under_from = start - from;
    let under = (end - start).clamp(1, room.saturating_sub(under_from).max(1));
    [
        format!("{number}{}", shown.into_iter().collect::<String>()),
        format!("{blank}{}{}", " ".repeat(under_from), "─".repeat(under)),
    ]
}

fn findings(count: usize) -> String {
    plural(count, "finding")
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Counts, and what the exit code says.
fn ending(document: &LintDocument) -> String {
    let counts = document.counts;
    let said = format!(
        "{}, {}, {}",
        plural(counts.errors, "error"),
        plural(counts.warnings, "warning"),
        plural(counts.notes, "note")
    );
    let meaning = match (document.passed, counts.errors, document.deny_warnings) {
        (true, _, _) if counts.warnings > 0 => "exit 0: no errors; --deny warnings makes warnings count",
        (true, _, _) => "exit 0: nothing that counts",
        (false, 0, true) => "exit 1: warnings, which --deny warnings makes count",
        (false, _, _) => "exit 1: errors",
    };
    format!("{said} · {meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_what_is_meant() {
        let text = format!("  {}takes = \"40ms\"{}", "x".repeat(200), "y".repeat(200));
        let [line, under] = snippet(7, &text, 203, 217, 80);
        assert!(line.chars().count() <= 80 && under.chars().count() <= 80, "{line}\n{under}");
        assert!(line.contains("takes = \"40ms\""), "{line}");
        let at = under.chars().position(|c| c == '─').unwrap_or(0);
        assert!(line.chars().skip(at).collect::<String>().starts_with("takes = \"40ms\""), "{line}\n{under}");
    }

    #[test]
    fn an_indented_short_line_loses_its_indent() {
        let [line, under] = snippet(3, "    pods = 1", 12, 13, 80);
        assert_eq!(line, "       3 │ pods = 1");
        assert_eq!(under, "         │        ─");
    }
}
