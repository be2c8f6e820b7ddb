//! How much the machine's speed moved in a run, from the canary in `resources.csv`.

use plimsoll_reports::run_dir::{Run, columns};

use crate::verdict::limits::CANARY_SPELL;

/// What the canary said over the measured window of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Mean CPU time of the canary's computation, seconds: CPU costs add up over a run, at whatever speed each second had.
    pub mean: f64,
    /// The spell whose mean is furthest from the run's, relative to it, whichever way.
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
        let of = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
        let mean = of(readings);
        let spells = readings.windows(CANARY_SPELL.min(readings.len())).map(of);
        Some(Speed { mean, spell: spells.map(|spell| (spell / mean - 1.0).abs()).fold(0.0, f64::max) })
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
    use plimsoll_profiles::random::Streams;
    use plimsoll_reports::validation::CANARY_LIMIT;

    /// The canary in microseconds, second by second, of a real run ("update and queries" at 5/s, 2026-11-23, 01:00).
    const READINGS: [u32; 52] = [
        137, 167, 159, 174, 131, 121, 119, 132, 148, 151, 130, 189, 134, 163, 148, 143, 149, 137, 120, 126, 125, 167,
        180, 228, 176, 178, 146, 145, 167, 157, 144, 142, 168, 133, 172, 199, 164, 145, 159, 153, 120, 121, 132, 156,
        142, 168, 153, 216, 190, 174, 173, 164,
    ];

    #[test]
    fn readings_in_any_order_are_hardly_ever_a_machine_that_moved() {
        let mut random = Streams::new(7).stream("test", "canary", 0);
        let mut readings = READINGS.map(f64::from);
        let moved = (0..1_000).filter(|_| {
            (1..readings.len()).for_each(|last| readings.swap(last, random.below(last as u64 + 1) as usize));
            Speed::of_readings(&readings).expect("enough readings").spell > CANARY_LIMIT
        });
        let moved = moved.count();
        assert!(moved < 50, "{moved} of 1,000 shuffles, seed 7");
    }

    #[test]
    fn a_single_slow_second_is_no_spell_and_several_are_one() {
        let spell = |readings: &[f64]| Speed::of_readings(readings).expect("enough readings").spell;
        let mut readings = vec![1.0; 60];
        readings[7] = 1.8;
        assert!(spell(&readings) < CANARY_LIMIT, "{}", spell(&readings));
        readings[20..20 + CANARY_SPELL].fill(1.2);
        assert!(spell(&readings) > CANARY_LIMIT, "{}", spell(&readings));
    }

    #[test]
    fn a_run_that_is_slow_throughout_moved_against_the_others() {
        let speed = Speed::of_readings(&[1.25; 30]).expect("enough readings");
        assert_eq!(speed.spell, 0.0);
        assert!(speed.moved(1.0) == 0.25 && speed.moved(1.25) == 0.0);
    }

    #[test]
    fn two_readings_say_nothing() {
        assert_eq!(Speed::of_readings(&[1.0, 2.0]), None);
    }
}
