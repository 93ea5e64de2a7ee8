/// Something wrong in a definition, with the place of it among the keys: `["journeys", "cart", "step", "2", "wait"]`.
///
/// Rooms report problems by key, because they never see the file; `definitions` turns keys into lines and columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) path: Vec<Box<str>>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Problem {
    pub(crate) fn new<'a>(path: impl IntoIterator<Item = &'a str>, message: impl Into<String>) -> Problem {
        Problem { path: path.into_iter().map(Into::into).collect(), message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// Proposes the nearest of the names that would have been right.
    pub(crate) fn suggest<'a>(self, wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Problem {
        match crate::model::nearest(wanted, names) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}
