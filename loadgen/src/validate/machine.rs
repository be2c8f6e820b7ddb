//! How much the machine's speed moved in a run, from the canary in `resources.csv`.

use plimsoll_reports::run_dir::{Run, columns};

use crate::verdict::limits::CANARY_SPELL;

/// What the canary said over the measured window of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Mean CPU time of the canary's computation, seconds: CPU costs add up over a run, at whatever speed each second had.
    pub mean: f64,
    /// The spell whose median is furthest from the run's median, relative to it, whichever way.
    pub spell: f64,
}

impl Speed {
    /// Of a run; `None` where it has fewer than three readings.
    pub fn of(run: &Run) -> Option<Speed> {
        let (begin, end) = run.window();
        let within = |seconds: f64| seconds > begin.as_secs_f64() && seconds <= end.as_secs_f64();
        let column = run.resources.column(columns::CANARY).into_iter();
        Speed::of_readings(&column.filter(|(at, _)| within(*at)).map(|(_, cpu)| cpu).collect::<Vec<f64>>())
    }

    /// Of readings one second apart.
    pub fn of_readings(readings: &[f64]) -> Option<Speed> {
        if readings.len() < 3 {
            return None;
        }
        let middle = median(readings)?;
        let spells = readings.windows(CANARY_SPELL.min(readings.len())).filter_map(median);
        let spell = spells.map(|spell| (spell / middle - 1.0).abs()).fold(0.0, f64::max);
        Some(Speed { mean: readings.iter().sum::<f64>() / readings.len() as f64, spell })
    }

    /// By which share it moved: within the run, or against the other runs' usual speed, whichever is more.
    pub fn moved(&self, usual: f64) -> f64 {
        (self.mean / usual - 1.0).abs().max(self.spell)
    }
}

/// The middle value; of an even number the mean of the middle two. `None` of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    match sorted.len() % 2 {
        0 => Some((sorted[middle - 1] + upper) / 2.0),
        _ => Some(upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_slow_second_is_no_spell_and_several_are_one() {
        let mut readings = vec![1.0; 40];
        readings[7] = 3.0;
        assert_eq!(Speed::of_readings(&readings), Some(Speed { mean: 1.05, spell: 0.0 }));
        readings[20..20 + CANARY_SPELL].fill(1.3);
        let spell = Speed::of_readings(&readings).expect("enough readings").spell;
        assert!((spell - 0.3).abs() < 1e-12, "{spell}");
    }

    #[test]
    fn a_run_that_is_slow_throughout_moved_against_the_others() {
        let speed = Speed::of_readings(&[1.2; 30]).expect("enough readings");
        assert_eq!(speed.spell, 0.0);
        assert!((speed.moved(1.0) - 0.2).abs() < 1e-12 && speed.moved(1.2) == 0.0);
    }

    #[test]
    fn two_readings_say_nothing() {
        assert_eq!(Speed::of_readings(&[1.0, 2.0]), None);
    }
}
