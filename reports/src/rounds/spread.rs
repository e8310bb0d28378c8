//! The figures of several rounds in one.

/// A figure of several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
    /// Of how many rounds.
    pub(crate) count: usize,
}

impl Spread {
    /// Of these figures, in any order; `None` of none.
    pub(crate) fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let (least, greatest) = (*figures.first()?, *figures.last()?);
        let count = figures.len();
        let (lower, upper) = (figures.get((count - 1) / 2)?, figures.get(count / 2)?);
        Some(Self { median: f64::midpoint(*lower, *upper), least, greatest, count })
    }

    /// Whether all rounds are on the same side of `value`.
    pub(crate) fn is_clear_of(&self, value: f64) -> bool {
        self.least > value || self.greatest < value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 9.0]).unwrap();
        assert_eq!(
            (spread.median, spread.least, spread.greatest, spread.count),
            (3.0, 1.0, 9.0, 4)
        );
        let odd = Spread::of(vec![4.0, 1.0, 2.0]).map(|spread| spread.median);
        assert_eq!((odd, Spread::of(Vec::new())), (Some(2.0), None));
        assert!(spread.is_clear_of(0.9) && !spread.is_clear_of(1.5));
    }
}
