//! Python's `round(x, 2)` and `int(x)`, which the source documents' calculators use.

use super::TooLarge;

/// `round(x, 2)` as CPython does it: the exact value of the double, correctly rounded to two decimals, a tie to the
/// even digit, and back to the nearest double. Rust's formatting rounds the exact value in the same way.
pub fn round_2(x: f64) -> f64 {
    format!("{x:.2}").parse().unwrap_or(x)
}

/// `int(x)`: towards zero.
pub fn int(x: f64, number: &'static str) -> Result<u64, TooLarge> {
    // 2^63: everything below converts without saturating.
    if x.is_nan() || x >= 9_223_372_036_854_775_808.0 {
        return Err(TooLarge { number });
    }
    Ok(x as u64)
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// An independent `round(x, 2)` for 0 ≤ x < 2^53 / 100: integer arithmetic on mantissa and exponent.
    pub fn round_2_by_integers(x: f64) -> f64 {
        let bits = x.to_bits();
        let exponent_bits = ((bits >> 52) & 0x7ff) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = match exponent_bits {
            0 => (fraction, -1074),
            e => (fraction | (1 << 52), e - 1075),
        };
        let hundredfold = u128::from(mantissa) * 100;
        if exponent >= 0 {
            return x;
        }
        let shift = (-exponent) as u32;
        if shift > 100 {
            return 0.0;
        }
        let whole = hundredfold >> shift;
        let rest = hundredfold & ((1u128 << shift) - 1);
        let half = 1u128 << (shift - 1);
        let up = rest > half || (rest == half && whole % 2 == 1);
        (whole + u128::from(up)) as f64 / 100.0
    }

    /// Computed with CPython: `round(x, 2)`.
    #[test]
    fn rounds_as_python_where_it_is_surprising() {
        for (x, expected) in [
            (2.675, 2.67),
            (1.005, 1.0),
            (0.125, 0.12),
            (0.375, 0.38),
            (2.5, 2.5),
            (1.115, 1.11),
            (9.933774834437086, 9.93),
            (24.83443708609271, 24.83),
            (0.005, 0.01),
            (0.015, 0.01),
            (1e22, 1e22),
        ] {
            assert_eq!(round_2(x), expected, "round({x}, 2)");
        }
    }

    #[test]
    fn int_goes_towards_zero_and_refuses_what_does_not_fit() {
        assert_eq!(int(2.999_999, "n"), Ok(2));
        assert_eq!(int(0.0, "n"), Ok(0));
        assert_eq!(int(9.3e18, "n"), Err(TooLarge { number: "n" }));
        assert_eq!(int(f64::NAN, "n"), Err(TooLarge { number: "n" }));
    }

    proptest! {
        #[test]
        fn rounding_equals_exact_integer_arithmetic(x in 0.0..1e13f64) {
            prop_assert_eq!(round_2(x), round_2_by_integers(x));
        }

        #[test]
        fn rounding_equals_exact_integer_arithmetic_near_ties(thousandths in 0u64..1_000_000_000) {
            let x = thousandths as f64 / 1000.0;
            prop_assert_eq!(round_2(x), round_2_by_integers(x));
        }

        #[test]
        fn rounding_equals_exact_integer_arithmetic_on_ties(eighths in 0u64..1_000_000_000) {
            let x = eighths as f64 / 8.0;
            prop_assert_eq!(round_2(x), round_2_by_integers(x));
        }
    }
}
