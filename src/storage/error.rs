use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a store could not do what it was asked. It says what the store is like now.
///
/// ```
/// # fn show(error: &bespoke::storage::Error) {
/// use bespoke::storage::ErrorKind;
/// match error.kind() {
///     ErrorKind::Io => eprintln!("{error}; nothing was taken, try again once the cause is gone"),
///     ErrorKind::Corrupt => eprintln!("{error}; restore the folder from a backup"),
///     _ => eprintln!("{error}"),
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    /// What was being done, and to which file.
    doing: Box<str>,
    file: Option<Box<str>>,
    /// Byte offset in the file.
    position: Option<u64>,
    /// What is wrong, and what to do.
    message: Box<str>,
    source: Option<Arc<io::Error>>,
}

/// What kind of thing went wrong.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Engine, Error}};
/// use bespoke::storage::{ErrorKind, MemoryDisk};
/// # let definitions = Definitions::from_toml("version = 1")?;
/// let disk = MemoryDisk::new();
/// let engine = Engine::builder(definitions.clone()).disk(disk.clone()).open()?;
/// let second = Engine::builder(definitions.clone()).disk(disk.clone()).open();
/// assert!(matches!(second, Err(Error::Storage(error)) if error.kind() == ErrorKind::InUse));
/// drop(engine);
/// assert!(Engine::builder(definitions).disk(disk).open().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The system refused: no space, no permission, a folder that is gone. What was asked for changed nothing; it can be
    /// asked again once the cause is gone.
    Io,
    /// What is in a file is not what was written there, or something that was promised is missing.
    Corrupt,
    /// The store was written by a newer version of the crate.
    TooNew,
    /// Another engine has the store open.
    InUse,
    /// What was asked for is not kept any more.
    Dropped,
}

impl Error {
    /// The system refused. `doing` says what, as in `cannot append to …`; `file` may be another thing of which a
    /// [`Journal`](crate::storage::Journal) is made.
    pub fn io(doing: &'static str, file: impl Into<Box<str>>, source: io::Error) -> Error {
        Error {
            kind: ErrorKind::Io,
            doing: doing.into(),
            file: Some(file.into()),
            position: None,
            message: source.to_string().into(),
            source: Some(Arc::new(source)),
        }
    }

    /// What is in a file, or another thing of which a [`Journal`](crate::storage::Journal) is made, is not what was
    /// written there.
    pub fn corrupt(file: impl Into<Box<str>>, position: u64, message: impl Into<Box<str>>) -> Error {
        Error {
            kind: ErrorKind::Corrupt,
            doing: "read".into(),
            file: Some(file.into()),
            position: Some(position),
            message: message.into(),
            source: None,
        }
    }

    /// The store was written by a newer version of the crate.
    pub(crate) fn too_new(file: impl Into<Box<str>>, found: u32, known: u32) -> Error {
        Error {
            kind: ErrorKind::TooNew,
            doing: "open".into(),
            file: Some(file.into()),
            position: None,
            message: format!(
                "it has format {found}, and this version of the crate knows {known} at most: use a newer one"
            )
            .into(),
            source: None,
        }
    }

    /// Another engine has the store open.
    pub(crate) fn in_use(folder: impl Into<Box<str>>) -> Error {
        Error {
            kind: ErrorKind::InUse,
            doing: "open".into(),
            file: Some(folder.into()),
            position: None,
            message: "another engine has it open: a store has one writer, so share that engine, or stop it"
                .into(),
            source: None,
        }
    }

    /// Inputs from one on were asked for, and the oldest that is kept comes later; both are numbered from 0, as in a
    /// [`Journal`](crate::storage::Journal). The text has them from 1 on, as hosts know them by
    /// [`Outcome::sequence`](crate::engine::Outcome::sequence).
    pub fn dropped(file: impl Into<Box<str>>, input: u64, oldest: u64) -> Error {
        let (input, oldest) = (input.saturating_add(1), oldest.saturating_add(1));
        Error {
            kind: ErrorKind::Dropped,
            doing: "read".into(),
            file: Some(file.into()),
            position: None,
            message: format!(
                "input {input} is not kept any more: the oldest is {oldest}, and `journal` under [retention] says how \
                 long they stay"
            )
            .into(),
            source: None,
        }
    }

    /// The same, with what else is to be known.
    pub(crate) fn but(&self, note: &str) -> Error {
        Error { message: format!("{}; {note}", self.message).into(), ..self.clone() }
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file that it is about.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Where in the file, in bytes, where that is known.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// What the system said, where it was the system.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        self.source.as_ref().map(|source| source.kind())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} ", self.doing)?;
        match &self.file {
            Some(file) => write!(f, "`{file}`")?,
            None => f.write_str("the store")?,
        }
        if let Some(position) = self.position {
            write!(f, " at byte {position}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// Two are equal where they say the same.
impl PartialEq for Error {
    fn eq(&self, other: &Error) -> bool {
        self.kind == other.kind && self.to_string() == other.to_string()
    }
}
