//! Interleaved rounds: all contenders run in the same round, so that a busy moment of the machine
//! hits all of them and the medians leave it out.

use std::fmt;

use anyhow::Result;

/// One of the things that we compare.
pub(crate) struct Contender<'a> {
    /// How often it runs in a round; shorter ones run more often. We count the median.
    runs: usize,
    run: Box<dyn FnMut() -> Result<f64> + 'a>,
}

impl<'a> Contender<'a> {
    /// Creates a contender. `run` runs it once and returns its cost in any unit.
    pub(crate) fn new(runs: usize, run: impl FnMut() -> Result<f64> + 'a) -> Self {
        Self {
            runs,
            run: Box::new(run),
        }
    }
}

/// The costs of one contender, with one value for each round.
#[derive(Debug, Clone)]
pub(crate) struct Costs(Vec<f64>);

impl FromIterator<f64> for Costs {
    fn from_iter<I: IntoIterator<Item = f64>>(costs: I) -> Self {
        Self(costs.into_iter().collect())
    }
}

/// The ratio of one contender's costs to another's, round by round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// `None` if there was only one round.
    quartiles: Option<(f64, f64)>,
}

/// Runs all contenders in turns in each of `rounds` rounds, after one round that does not count.
pub(crate) fn interleave<const N: usize>(
    rounds: usize,
    mut contenders: [Contender<'_>; N],
) -> Result<[Costs; N]> {
    let mut costs = std::array::from_fn(|_| Costs(Vec::with_capacity(rounds)));
    let most = contenders
        .iter()
        .map(|contender| contender.runs)
        .max()
        .unwrap_or(0);
    for round in 0..=rounds {
        let mut samples: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
        for turn in 0..most {
            for place in 0..N {
                // Change the order, so that no contender always runs after the same one.
                let index = (place + turn + round) % N;
                // Spread contenders with fewer runs over the round.
                let contender = &mut contenders[index];
                if (turn * contender.runs) % most < contender.runs {
                    samples[index].push((contender.run)()?);
                }
            }
        }
        if round > 0 {
            for (costs, samples) in costs.iter_mut().zip(samples) {
                costs.0.push(Costs(samples).median());
            }
        }
    }
    Ok(costs)
}

impl Costs {
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Divides these costs by those of the same rounds.
    pub(crate) fn over(&self, theirs: &Self) -> Ratio {
        let by_round = Self(
            self.0
                .iter()
                .zip(&theirs.0)
                .map(|(ours, theirs)| ours / theirs)
                .collect(),
        );
        let quartiles =
            (by_round.0.len() > 1).then(|| (by_round.quantile(0.25), by_round.quantile(0.75)));
        Ratio {
            median: by_round.median(),
            quartiles,
        }
    }

    /// Changes each cost in the same way.
    pub(crate) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().copied().map(change).collect())
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a short list"
    )]
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let position = part * (sorted.len().max(1) - 1) as f64;
        let (below, above) = (position.floor() as usize, position.ceil() as usize);
        match (sorted.get(below), sorted.get(above)) {
            (Some(below), Some(above)) => below + (above - below) * position.fract(),
            _ => f64::NAN,
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3}", self.median)?;
        match self.quartiles {
            Some((lower, upper)) => write!(formatter, " ({lower:.3} to {upper:.3})"),
            None => Ok(()),
        }
    }
}
