//! What Temporal Cloud takes, at list price.

/// Dollars per million actions, by how many millions of a month they are of: docs.temporal.io/cloud/pricing, read in 2026.
const TIERS: [(f64, f64); 6] = [(5.0, 50.0), (5.0, 45.0), (10.0, 40.0), (30.0, 35.0), (50.0, 30.0), (100.0, 25.0)];
/// Above the tiers the price is negotiated: the last tier's is taken.
const ABOVE: f64 = 25.0;
/// Dollars per GB and hour of closed workflows' histories (same page).
const RETAINED_GB_HOUR: f64 = 0.00105;

/// Dollars for so many actions, as if they were the month's first: what other load of the account uses up is not known here.
pub fn actions(count: f64) -> f64 {
    let mut millions = count / 1e6;
    let mut dollars = 0.0;
    for (size, price) in TIERS {
        let here = millions.min(size);
        dollars += here * price;
        millions -= here;
    }
    dollars + millions * ABOVE
}

/// Dollars for keeping the bytes of closed histories for so many hours.
pub fn retained(bytes: f64, hours: f64) -> f64 {
    bytes / 1e9 * hours * RETAINED_GB_HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_those_of_the_public_table() {
        assert!((actions(1e6) - 50.0).abs() < 1e-9);
        assert!((actions(10e6) - 475.0).abs() < 1e-9);
        assert!((actions(200e6) - (250.0 + 225.0 + 400.0 + 1_050.0 + 1_500.0 + 2_500.0)).abs() < 1e-6);
        // "1 GB = 744 GBh per month => $0.78 per GB-month"
        assert!((retained(1e9, 744.0) - 0.78).abs() < 0.005);
    }
}
