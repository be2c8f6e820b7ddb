//! Non-negative least squares, dense and small.
//!
//! Lawson and Hanson, *Solving Least Squares Problems* (1974), chapter 23: unknowns enter a passive set one by one, where they are solved without
//! bounds; one that comes out negative leaves it again. The solution is exact (up to rounding) after finitely many steps.

/// A system of equations, one row each: `coefficients · x ≈ right`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    rows: Vec<Vec<f64>>,
    right: Vec<f64>,
}

/// Why there is no solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSolution {
    /// There are no equations.
    #[error("there are no equations")]
    Empty,
    /// A coefficient is infinite or not a number.
    #[error("a coefficient is not a finite number")]
    NotFinite,
    /// It did not end: rounding lets unknowns come and go.
    #[error("the unknowns cannot be told apart")]
    Singular,
}

impl System {
    /// Adds an equation, divided by how far its right side is uncertain.
    pub fn add(&mut self, coefficients: &[f64], right: f64, error: f64) {
        self.rows.push(coefficients.iter().map(|value| value / error).collect());
        self.right.push(right / error);
    }

    /// Unknowns.
    pub fn unknowns(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// The transposed coefficients times themselves: the information that the equations hold of the unknowns.
    pub fn information(&self) -> Vec<Vec<f64>> {
        let unknowns = self.unknowns();
        let mut information = vec![vec![0.0; unknowns]; unknowns];
        for row in &self.rows {
            for i in 0..unknowns {
                for j in 0..unknowns {
                    information[i][j] += row[i] * row[j];
                }
            }
        }
        information
    }

    fn projected(&self) -> Vec<f64> {
        let mut projected = vec![0.0; self.unknowns()];
        for (row, right) in self.rows.iter().zip(&self.right) {
            projected.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * right);
        }
        projected
    }

    /// The values, none below zero, that leave the smallest sum of squares.
    ///
    /// # Errors
    /// When there are no equations or no finite ones. Unknowns that no equation has are zero.
    pub fn solve(&self) -> Result<Vec<f64>, NoSolution> {
        let unknowns = self.unknowns();
        if unknowns == 0 {
            return Err(NoSolution::Empty);
        }
        if self.rows.iter().flatten().chain(&self.right).any(|value| !value.is_finite()) {
            return Err(NoSolution::NotFinite);
        }
        // Scaled, so that what is small is a matter of angles and not of units.
        let mut information = self.information();
        let mut projected = self.projected();
        let scale: Vec<f64> =
            (0..unknowns).map(|i| if information[i][i] > 0.0 { information[i][i].sqrt() } else { 1.0 }).collect();
        for i in 0..unknowns {
            projected[i] /= scale[i];
            for j in 0..unknowns {
                information[i][j] /= scale[i] * scale[j];
            }
        }
        let tolerance = 1e-10 * projected.iter().fold(1e-300, |most: f64, value| most.max(value.abs()));
        let mut x = vec![0.0; unknowns];
        let mut passive = vec![false; unknowns];
        let mut given_up = vec![false; unknowns];
        for _ in 0..30 * unknowns {
            let gradient = |i: usize| projected[i] - (0..unknowns).map(|j| information[i][j] * x[j]).sum::<f64>();
            let next = (0..unknowns)
                .filter(|i| !passive[*i] && !given_up[*i] && gradient(*i) > tolerance)
                .max_by(|a, b| gradient(*a).total_cmp(&gradient(*b)));
            let Some(next) = next else {
                return Ok(x.iter().zip(&scale).map(|(value, scale)| value / scale).collect());
            };
            passive[next] = true;
            loop {
                let set: Vec<usize> = (0..unknowns).filter(|i| passive[*i]).collect();
                let Some(free) = solve_for(&information, &projected, &set) else {
                    // It is a combination of the others: they do without it.
                    passive[next] = false;
                    given_up[next] = true;
                    break;
                };
                if free.iter().all(|value| *value > 0.0) {
                    set.iter().zip(&free).for_each(|(i, value)| x[*i] = *value);
                    given_up.fill(false);
                    break;
                }
                // As far as the first that reaches zero, which then leaves.
                let step = set
                    .iter()
                    .zip(&free)
                    .filter(|(_, value)| **value <= 0.0)
                    .map(|(i, value)| x[*i] / (x[*i] - value))
                    .fold(1.0, f64::min);
                for (i, value) in set.iter().zip(&free) {
                    x[*i] += step * (value - x[*i]);
                    if x[*i] <= 1e-14 && *value <= 0.0 {
                        x[*i] = 0.0;
                        passive[*i] = false;
                    }
                }
                if !passive[next] {
                    given_up[next] = true;
                    break;
                }
            }
        }
        Err(NoSolution::Singular)
    }
}

/// The unknowns of a set, the others being zero; `None` when they cannot be told apart.
fn solve_for(information: &[Vec<f64>], projected: &[f64], set: &[usize]) -> Option<Vec<f64>> {
    let matrix: Vec<Vec<f64>> = set.iter().map(|i| set.iter().map(|j| information[*i][*j]).collect()).collect();
    let factor = cholesky(&matrix)?;
    Some(substitute(&factor, &set.iter().map(|i| projected[*i]).collect::<Vec<f64>>()))
}

/// Lower triangle L with L Lᵀ = matrix; `None` when it is not positive definite.
fn cholesky(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = matrix.len();
    let mut lower = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = matrix[i][j] - known;
            if i == j {
                if rest <= 1e-12 * matrix[i][i].max(1e-300) {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    Some(lower)
}

fn substitute(lower: &[Vec<f64>], right: &[f64]) -> Vec<f64> {
    let n = lower.len();
    let mut x = right.to_vec();
    for i in 0..n {
        let known: f64 = (0..i).map(|k| lower[i][k] * x[k]).sum();
        x[i] = (x[i] - known) / lower[i][i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| lower[k][i] * x[k]).sum();
        x[i] = (x[i] - known) / lower[i][i];
    }
    x
}

/// The inverse of a symmetric positive matrix: the covariance of the unknowns where it is their information. `None` when it is singular.
pub fn inverse(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = matrix.len();
    let scale: Vec<f64> = (0..n).map(|i| matrix[i][i].max(1e-300).sqrt()).collect();
    let scaled: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| matrix[i][j] / (scale[i] * scale[j])).collect()).collect();
    let factor = cholesky(&scaled)?;
    let columns: Vec<Vec<f64>> = (0..n)
        .map(|j| {
            let unit: Vec<f64> = (0..n).map(|i| if i == j { 1.0 } else { 0.0 }).collect();
            substitute(&factor, &unit)
        })
        .collect();
    Some((0..n).map(|i| (0..n).map(|j| columns[j][i] / (scale[i] * scale[j])).collect()).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn system(rows: &[Vec<f64>], right: &[f64]) -> System {
        let mut system = System::default();
        rows.iter().zip(right).for_each(|(row, right)| system.add(row, *right, 1.0));
        system
    }

    fn squares(rows: &[Vec<f64>], right: &[f64], x: &[f64]) -> f64 {
        let left = |row: &[f64]| row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>();
        rows.iter().zip(right).map(|(row, right)| (left(row) - right).powi(2)).sum()
    }

    /// The exact solution by another way: of all sets of unknowns that may be positive, each solved without bounds, the best that is not negative.
    fn by_trying_all_sets(rows: &[Vec<f64>], right: &[f64]) -> f64 {
        let unknowns = rows[0].len();
        let whole = system(rows, right);
        let (information, projected) = (whole.information(), whole.projected());
        let mut best = squares(rows, right, &vec![0.0; unknowns]);
        for mask in 1_u32..1 << unknowns {
            let set: Vec<usize> = (0..unknowns).filter(|i| mask & (1 << i) != 0).collect();
            let Some(free) = solve_for(&information, &projected, &set) else { continue };
            if free.iter().all(|value| *value >= 0.0) {
                let mut x = vec![0.0; unknowns];
                set.iter().zip(&free).for_each(|(i, value)| x[*i] = *value);
                best = best.min(squares(rows, right, &x));
            }
        }
        best
    }

    #[test]
    fn a_solution_without_negative_parts_is_that_of_least_squares() {
        // Two unknowns, three equations: by hand, x = 2, y = 1.
        let x = system(&[vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 1.0]], &[2.0, 1.0, 3.0]).solve().unwrap();
        assert!((x[0] - 2.0).abs() < 1e-12 && (x[1] - 1.0).abs() < 1e-12, "{x:?}");
    }

    #[test]
    fn what_would_be_negative_is_zero_and_the_others_make_up_for_it() {
        // Without bounds: x = 2, y = -1. With y = 0: x = (1·2 + 1·1) / 2.
        let x = system(&[vec![1.0, 0.0], vec![1.0, 1.0]], &[2.0, 1.0]).solve().unwrap();
        assert!((x[0] - 1.5).abs() < 1e-12 && x[1] == 0.0, "{x:?}");
    }

    #[test]
    fn unknowns_that_are_the_same_have_one_solution_and_no_error() {
        let rows = [vec![1.0, 1.0, 0.0], vec![2.0, 2.0, 1.0], vec![1.0, 1.0, 3.0]];
        let x = system(&rows, &[2.0, 5.0, 5.0]).solve().unwrap();
        assert!((x[0] + x[1] - 2.0).abs() < 1e-9 && (x[2] - 1.0).abs() < 1e-9, "{x:?}");
    }

    #[test]
    fn nothing_and_nonsense_are_refused() {
        assert_eq!(System::default().solve(), Err(NoSolution::Empty));
        assert_eq!(system(&[vec![f64::NAN]], &[1.0]).solve(), Err(NoSolution::NotFinite));
    }

    #[test]
    fn an_inverse_is_one() {
        let matrix = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, 0.2], vec![0.5, 0.2, 1e-6]];
        // Positive definite only when the last is large enough.
        assert_eq!(inverse(&matrix), None);
        let matrix = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, 0.2], vec![0.5, 0.2, 2.0]];
        let inverse = inverse(&matrix).unwrap();
        for (i, row) in matrix.iter().enumerate() {
            for j in 0..3 {
                let product: f64 = row.iter().zip(&inverse).map(|(value, inverse)| value * inverse[j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_as_good_as_the_best_of_all_sets(
            rows in prop::collection::vec(prop::collection::vec(-2.0..2.0_f64, 5), 3..12),
            right in prop::collection::vec(-3.0..3.0_f64, 12),
        ) {
            let x = system(&rows, &right).solve().unwrap();
            prop_assert!(x.iter().all(|value| *value >= 0.0), "{x:?}");
            let (found, best) = (squares(&rows, &right, &x), by_trying_all_sets(&rows, &right));
            prop_assert!(found <= best + 1e-7 * (1.0 + best), "{found} of {best}");
        }

        #[test]
        fn units_do_not_matter(
            rows in prop::collection::vec(prop::collection::vec(0.0..2.0_f64, 4), 8),
            right in prop::collection::vec(0.0..3.0_f64, 8),
            unit in 1e-6..1e6_f64,
        ) {
            let plain = system(&rows, &right).solve().unwrap();
            let scaled: Vec<Vec<f64>> =
                rows.iter().map(|row| vec![row[0] * unit, row[1], row[2], row[3]]).collect();
            let other = system(&scaled, &right).solve().unwrap();
            prop_assert!((squares(&rows, &right, &plain)
                - squares(&scaled, &right, &other)).abs() < 1e-6);
        }
    }
}
