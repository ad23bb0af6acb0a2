//! Waiting longer after each failure, never in step with others who wait for the same thing.

use rand::RngExt;
use std::time::Duration;

/// Delays that double from a floor to a ceiling; each is shortened by up to a half at random.
#[derive(Debug, Clone)]
pub struct Backoff {
    floor: Duration,
    ceiling: Duration,
    next: Duration,
}

impl Backoff {
    /// Delays between half of `floor` and `ceiling`.
    #[must_use]
    pub const fn new(floor: Duration, ceiling: Duration) -> Self {
        Self {
            floor,
            ceiling,
            next: floor,
        }
    }

    /// The next delay; the one after it will be twice as long.
    pub fn delay(&mut self) -> Duration {
        let delay = self.next.mul_f64(rand::rng().random_range(0.5..=1.0));
        self.next = (self.next * 2).min(self.ceiling);
        delay
    }

    /// Begins again at the floor, after something went well.
    pub const fn reset(&mut self) {
        self.next = self.floor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_its_ceiling_and_begins_again() {
        let (floor, ceiling) = (Duration::from_millis(100), Duration::from_millis(700));
        let mut backoff = Backoff::new(floor, ceiling);
        for whole in [100, 200, 400, 700, 700].map(Duration::from_millis) {
            let delay = backoff.delay();
            assert!(
                delay >= whole / 2 && delay <= whole,
                "{delay:?} of {whole:?}"
            );
        }
        backoff.reset();
        assert!(backoff.delay() <= floor);
    }
}
