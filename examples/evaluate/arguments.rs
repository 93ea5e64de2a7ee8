//! The command line.

use crate::algorithms::{ALGORITHMS, Algorithm};
use crate::tune::{OBJECTIVES, Objective};
use bespoke::model::Duration;
use bespoke::recommend::evaluate::{Ask, Evaluation, Holdout, Params, Protocol, Range};
use lexopt::Arg::{Long, Short};
use std::path::PathBuf;

pub(crate) const USAGE: &str = "usage: evaluate [--interactions F.csv[.gz]] [--protocol next-item|last-out|random-split] \
    [--algorithms all|NAME,NAME] [--k N] [--json] [--test-days N] [--test-share X] [--allow-repeat] [--validation] \
    [--min-rating X] [--ask session|user] [--set NAME=NUMBER,...] [--seed N] [--plot FILE.svg] \
    [--tune NAME [--trials N] [--objective hr|mrr|ndcg|recall|precision]] [--print-clicks]\n       \
    evaluate --journal bundled|MESSAGES.jsonl[.gz] [--definitions D.toml] [--window-days N] [--k N] [--allow-repeat] [--json]";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

pub(crate) struct Arguments {
    pub(crate) interactions: Option<PathBuf>,
    pub(crate) journal: Option<PathBuf>,
    pub(crate) definitions: Option<PathBuf>,
    pub(crate) window_days: f64,
    pub(crate) protocol: Kind,
    pub(crate) algorithms: Vec<&'static Algorithm>,
    pub(crate) k: usize,
    pub(crate) is_json: bool,
    test_days: Option<f64>,
    test_share: Option<f64>,
    pub(crate) allow_repeat: bool,
    pub(crate) is_validation: bool,
    pub(crate) min_rating: Option<f64>,
    ask: Option<Ask>,
    pub(crate) params: Params,
    pub(crate) seed: u64,
    pub(crate) plot: Option<PathBuf>,
    pub(crate) tune: Option<&'static Algorithm>,
    pub(crate) trials: usize,
    pub(crate) objective: Objective,
    pub(crate) print_clicks: bool,
}

/// The name of a protocol.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    NextItem,
    LastOut,
    RandomSplit,
}

impl Arguments {
    /// None where only help is asked for.
    pub(crate) fn read() -> Result<Option<Arguments>> {
        let mut arguments = Arguments {
            interactions: None,
            journal: None,
            definitions: None,
            window_days: 7.0,
            protocol: Kind::NextItem,
            algorithms: ALGORITHMS.iter().collect(),
            k: 20,
            is_json: false,
            test_days: None,
            test_share: None,
            allow_repeat: false,
            is_validation: false,
            min_rating: None,
            ask: None,
            params: Params::new(),
            seed: 1,
            plot: None,
            tune: None,
            trials: 20,
            objective: OBJECTIVES[1],
            print_clicks: false,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            let name = match argument {
                Long("json") => {
                    arguments.is_json = true;
                    continue;
                }
                Long("allow-repeat") => {
                    arguments.allow_repeat = true;
                    continue;
                }
                Long("validation") => {
                    arguments.is_validation = true;
                    continue;
                }
                Long("print-clicks") => {
                    arguments.print_clicks = true;
                    continue;
                }
                Long("help") | Short('h') => return Ok(None),
                Long(name) => name.to_owned(),
                other => return Err(other.unexpected().into()),
            };
            let value = parser.value()?;
            let path = match &*name {
                "interactions" => Some(&mut arguments.interactions),
                "plot" => Some(&mut arguments.plot),
                "journal" => Some(&mut arguments.journal),
                "definitions" => Some(&mut arguments.definitions),
                _ => None,
            };
            if let Some(path) = path {
                *path = Some(value.into());
                continue;
            }
            let value = value.to_str().ok_or_else(|| format!("--{name}: the value is not UTF-8"))?;
            arguments.set(&name, value).map_err(|e| format!("--{name}: {e}"))?;
        }
        arguments.check_params()?;
        Ok(Some(arguments))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "protocol" => self.protocol = protocol(value)?,
            "algorithms" => self.algorithms = algorithms(value)?,
            "window-days" => self.window_days = value.parse()?,
            "k" => self.k = value.parse()?,
            "test-days" => self.test_days = Some(value.parse()?),
            "test-share" => self.test_share = Some(value.parse()?),
            "min-rating" => self.min_rating = Some(value.parse()?),
            "ask" => self.ask = Some(ask(value)?),
            "set" => self.params = value.parse()?,
            "seed" => self.seed = value.parse()?,
            "tune" => self.tune = Some(algorithm(value)?),
            "trials" => self.trials = value.parse()?,
            "objective" => self.objective = objective(value)?,
            _ => return Err("there is no such option".into()),
        }
        Ok(())
    }

    /// A name with a slip in it would otherwise set nothing, and say nothing.
    fn check_params(&self) -> Result<()> {
        let [algorithm] = &*self.algorithms else {
            return match self.params == Params::new() {
                true => Ok(()),
                false => Err("--set is for one algorithm; name it with --algorithms".into()),
            };
        };
        let ranges = (algorithm.ranges)();
        match self.params.iter().find(|(name, _)| ranges.iter().all(|range| range.name() != *name)) {
            None => Ok(()),
            Some((unknown, _)) => {
                let known: Vec<_> = ranges.iter().map(Range::name).collect();
                Err(format!("--set: {} has no `{unknown}`, but {}", algorithm.name, known.join(", ")).into())
            }
        }
    }

    pub(crate) fn protocol(&self, is_timed: bool) -> Protocol {
        match self.protocol {
            Kind::NextItem if is_timed && self.test_share.is_none() || self.test_days.is_some() => {
                let days = self.test_days.unwrap_or(1.0);
                Protocol::NextItem(Holdout::Last(Duration::from_millis((days * 86_400_000.0) as i64)))
            }
            Kind::NextItem => Protocol::NextItem(Holdout::Share(self.test_share.unwrap_or(0.1))),
            Kind::LastOut => Protocol::LastOut,
            Kind::RandomSplit => {
                Protocol::RandomSplit { share: self.test_share.unwrap_or(0.2), seed: self.seed }
            }
        }
    }

    pub(crate) fn evaluation(&self) -> Evaluation {
        let evaluation = Evaluation::new().k(self.k).allow_repeat(self.allow_repeat);
        self.ask.map_or(evaluation, |ask| evaluation.ask(ask))
    }
}

fn protocol(name: &str) -> Result<Kind> {
    match name {
        "next-item" => Ok(Kind::NextItem),
        "last-out" => Ok(Kind::LastOut),
        "random-split" => Ok(Kind::RandomSplit),
        _ => Err(format!("`{name}` is none; there are next-item, last-out and random-split").into()),
    }
}

fn ask(name: &str) -> Result<Ask> {
    match name {
        "session" => Ok(Ask::Session),
        "user" => Ok(Ask::User),
        _ => Err(format!("`{name}` cannot be asked for; session and user can").into()),
    }
}

fn algorithms(names: &str) -> Result<Vec<&'static Algorithm>> {
    if names == "all" {
        return Ok(ALGORITHMS.iter().collect());
    }
    names.split(',').map(algorithm).collect()
}

fn algorithm(name: &str) -> Result<&'static Algorithm> {
    ALGORITHMS.iter().find(|algorithm| algorithm.name == name).ok_or_else(|| {
        let known: Vec<_> = ALGORITHMS.iter().map(|algorithm| algorithm.name).collect();
        format!("`{name}` is none; there are {}", known.join(", ")).into()
    })
}

fn objective(name: &str) -> Result<Objective> {
    let known = OBJECTIVES.iter().find(|(known, _)| *known == name);
    known
        .copied()
        .ok_or_else(|| format!("`{name}` is none; there are hr, mrr, ndcg, recall and precision").into())
}
