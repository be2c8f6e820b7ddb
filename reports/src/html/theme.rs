//! The style sheet: colours for light, dark and print, and what each role of a chart looks like.

use crate::chart::{HEAT, Role, SERIES};

const STYLE: &str = include_str!("style.css");

/// Series colours after Okabe & Ito (2008), distinguishable without red-green vision; the dark ones are lighter.
const LIGHT_SERIES: [&str; SERIES] = ["#0072b2", "#c45100", "#00805d", "#a8457f", "#4d4d4d", "#8a6d00"];
const DARK_SERIES: [&str; SERIES] = ["#5ab4f0", "#f5945a", "#3fcf9f", "#e79ac6", "#c9c9c9", "#e8c24a"];
/// Dashes in the chart's own units, four to a pixel: series differ without colour too.
const DASHES: [&str; SERIES] = ["none", "34 14", "9 12", "40 12 9 12", "20 14", "60 12 9 12 9 12"];

/// Heatmap cells from few samples to many: one hue, lightness even in OKLCH, so that order is seen without colour.
const LIGHT_HEAT: [&str; HEAT] = ["#d3e7f3", "#aed3ea", "#84bbdf", "#579fd0", "#2f81b9", "#16619a", "#06406f"];
const DARK_HEAT: [&str; HEAT] = ["#1d3a4d", "#1f4f6c", "#24678d", "#3182ae", "#4d9fcd", "#83c1e6", "#cfe8f8"];

const LIGHT: &str = "--ground: #f5f7f8; --paper: #ffffff; --ink: #17242b; --soft: #54656e; --line: #dde4e7; \
    --accent: #0a6a78; --track: #e8eef0; --note: #fdf4e0; --good: #12734a; --bad: #b3261e; --bad-soft: #d9827c; \
    --warn: #8a5a00; --grid: #e6ebed; --area: #0072b222; --beyond: #b3261e14; --band: #17242b17;";
const DARK: &str = "--ground: #0f171b; --paper: #172127; --ink: #e8eef1; --soft: #9fb0b8; --line: #2b3940; \
    --accent: #5cc4cf; --track: #26343b; --note: #2e2818; --good: #5fd39b; --bad: #ff8d84; --bad-soft: #a34f49; \
    --warn: #f0bf5e; --grid: #26333a; --area: #5ab4f02e; --beyond: #ff8d841f; --band: #e8eef11c;";

/// The whole style sheet.
pub fn style() -> String {
    let mut text = STYLE.replace("@light@", &variables(LIGHT, &LIGHT_SERIES, &LIGHT_HEAT));
    text = text.replace("@dark@", &variables(DARK, &DARK_SERIES, &DARK_HEAT));
    for (role, colour) in [
        (Role::Axis, "var(--soft)"),
        (Role::Grid, "var(--grid)"),
        (Role::Label, "var(--soft)"),
        (Role::Mark, "var(--ink)"),
        (Role::Knee, "var(--bad)"),
        (Role::Beyond, "var(--beyond)"),
        (Role::Band, "var(--band)"),
        (Role::Area, "var(--area)"),
        (Role::Paper, "var(--paper)"),
    ] {
        text.push_str(&rule(role, colour));
    }
    for level in 0..HEAT {
        text.push_str(&rule(Role::Heat(level), &format!("var(--h{level})")));
    }
    for (index, dash) in DASHES.iter().enumerate() {
        let colour = format!("var(--s{index})");
        text.push_str(&rule(Role::Series(index), &colour));
        text.push_str(&rule(Role::Promise(index), &colour));
        let (series, promise) = (Role::Series(index).sentinel(), Role::Promise(index).sentinel());
        text.push_str(&format!(
            ".chart polyline[stroke=\"{series}\"]{{stroke-dasharray:{dash};stroke-linejoin:round}}\n"
        ));
        text.push_str(&format!(".chart polyline[stroke=\"{promise}\"]{{stroke-dasharray:4 10;opacity:.8}}\n"));
    }
    for role in [Role::Mark, Role::Knee] {
        text.push_str(&format!(".chart text[fill=\"{}\"]{{font-weight:650}}\n", role.sentinel()));
    }
    text
}

fn rule(role: Role, colour: &str) -> String {
    let code = role.sentinel();
    format!(".chart [stroke=\"{code}\"]{{stroke:{colour}}}.chart [fill=\"{code}\"]{{fill:{colour}}}\n")
}

fn variables(theme: &str, series: &[&str; SERIES], heat: &[&str; HEAT]) -> String {
    let series = series.iter().enumerate().map(|(index, colour)| format!(" --s{index}: {colour};"));
    let heat = heat.iter().enumerate().map(|(level, colour)| format!(" --h{level}: {colour};"));
    format!("{theme}{}{}", series.collect::<String>(), heat.collect::<String>())
}
