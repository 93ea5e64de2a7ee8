use crate::decision::context::{NAMES, Reads, RenderContext, ZONE};
use crate::decision::typed::{evaluate, expression};
use crate::decision::{Error, Template};
use crate::model::{Instant, OWN_MARK, Object, Problem, Quoted, Value, Zone, is_template, nearest};
use hashbrown::HashMap;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, State, UndefinedBehavior};
use std::collections::BTreeMap;

/// Longest text of a template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// Most that rendering one field may work: a step of the template costs one, 64 bytes of text another one.
pub const FUEL_MAX: u64 = 20_000;
/// Longest result of one field, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Longest format of an instant, in bytes: one can make fifty times as much of itself.
const FORMAT_BYTES_MAX: usize = 100;
/// Deepest nesting of blocks and loops while rendering: the stack of a small thread bears it.
const RENDER_DEPTH_MAX: usize = 50;

/// All contents of a set of definitions, compiled: those with a name, and those of variants.
///
/// Values are put in as they are, in every field alike; a host that shows HTML asks for `| escape`. There is no
/// loader, no clock and no chance in the language. The same content and context give the same text.
#[derive(Debug)]
pub(crate) struct Templates {
    /// The compiled texts, by number.
    environment: Environment<'static>,
    texts: usize,
    named: HashMap<Box<str>, Content, ahash::RandomState>,
}

/// Fields with their texts.
#[derive(Debug, Default)]
pub(super) struct Content {
    fields: Vec<(Box<str>, Text)>,
    reads: Reads,
    is_static: bool,
}

#[derive(Debug)]
enum Text {
    /// Nothing to fill in.
    Static(Box<str>),
    /// The number of a compiled text, as the environment calls it.
    Template(Box<str>),
    /// What a value is made by, which is one expression.
    Expression(Box<str>),
}

impl Templates {
    pub(super) fn compile(templates: &[Template], problems: &mut Vec<Problem>) -> Templates {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL_MAX));
        environment.set_recursion_limit(RENDER_DEPTH_MAX);
        // A text without anything to fill in keeps its last newline, so the others do too.
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.remove_global("debug");
        environment.add_filter("local", local);
        let mut compiled = Templates { environment, texts: 0, named: HashMap::default() };
        for Template { name, fields } in templates {
            let mut content = compiled.content(&["templates", name], fields, problems);
            if name.starts_with(OWN_MARK) {
                compiled.type_values(&mut content, fields);
            }
            if compiled.named.insert(name.clone(), content).is_some() {
                let message = format!("the template {} is defined twice", Quoted(name));
                problems.push(Problem::new(["templates", name], message));
            }
        }
        compiled
    }

    /// Compiles the fields of a content; `path` is where it is defined.
    pub(super) fn content(
        &mut self,
        path: &[&str],
        fields: &BTreeMap<Box<str>, Box<str>>,
        problems: &mut Vec<Problem>,
    ) -> Content {
        let mut content = Content { is_static: true, ..Content::default() };
        for (field, text) in fields {
            let place = path.iter().copied().chain([&**field]);
            if text.len() > TEMPLATE_BYTES_MAX {
                let message =
                    format!("the text has {} bytes, at most {TEMPLATE_BYTES_MAX} are allowed", text.len());
                problems.push(Problem::new(place, message));
            } else if !is_template(text) {
                content.fields.push((field.clone(), Text::Static(text.clone())));
            } else {
                content.is_static = false;
                match self.template(text, &mut content.reads) {
                    Ok(name) => content.fields.push((field.clone(), Text::Template(name))),
                    Err(Refused { message, help: None }) => problems.push(Problem::new(place, message)),
                    Err(Refused { message, help: Some(help) }) => {
                        problems.push(Problem::new(place, message).help(help));
                    }
                }
            }
        }
        content
    }

    /// Lets fields give values that are one expression each.
    fn type_values(&self, content: &mut Content, texts: &BTreeMap<Box<str>, Box<str>>) {
        for (field, text) in &mut content.fields {
            let source = texts.get(field).and_then(|source| expression(source, &self.environment));
            source.into_iter().for_each(|source| *text = Text::Expression(source.into()));
        }
    }

    fn template(&mut self, text: &str, reads: &mut Reads) -> Result<Box<str>, Refused> {
        let name = self.texts.to_string();
        self.texts += 1;
        let refused = |error: &minijinja::Error| Refused { message: words(error, text), help: None };
        self.environment.add_template_owned(name.clone(), text.to_owned()).map_err(|e| refused(&e))?;
        let template = self.environment.get_template(&name).map_err(|e| refused(&e))?;

        let known = |name: &str| NAMES.contains(&name) || self.environment.globals().any(|(n, _)| n == name);
        let unknown = template.undeclared_variables(false).into_iter().filter(|name| !known(name)).min();
        if let Some(unknown) = unknown {
            let help = match nearest(&unknown, NAMES) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "a template knows `user`, `event`, `item`, `key` and `request`; an attribute is `user.NAME`"
                    .into(),
            };
            return Err(Refused { message: format!("unknown name {}", Quoted(&unknown)), help: Some(help) });
        }
        // The engine looks filters up when they are reached, so try it on a user of whom nothing is known. What
        // goes wrong only because nothing is known is no mistake of the text.
        let always_wrong = |kind| {
            use ErrorKind::{MissingArgument, OutOfFuel, SyntaxError, TooManyArguments};
            use ErrorKind::{UnknownFilter, UnknownFunction, UnknownTest};
            let is_unknown = matches!(kind, UnknownFilter | UnknownFunction | UnknownTest);
            is_unknown || matches!(kind, OutOfFuel | SyntaxError | MissingArgument | TooManyArguments)
        };
        if let Err(error) = template.render(minijinja::Value::UNDEFINED)
            && always_wrong(error.kind())
        {
            return Err(refused(&error));
        }
        if text.contains("local") {
            reads.add_zone();
        }
        // What the engine tells of names misses what these statements read, and what is sliced (`user.name[:1]`), so then all
        // is read.
        let slices = text.split('[').skip(1).any(|behind| behind.contains(':'));
        let whole = slices || ["set", "with", "filter", "autoescape"].iter().any(|word| text.contains(word));
        template.undeclared_variables(!whole).iter().for_each(|name| reads.add(name));
        if whole {
            NAMES.iter().filter(|name| text.contains(**name)).for_each(|name| reads.add(name));
        }
        Ok(name.into())
    }

    /// Whether the template of that name reads anything of an item.
    pub(crate) fn reads_item(&self, name: &str) -> bool {
        self.named.get(name).is_some_and(|content| content.reads.reads_item())
    }

    /// Renders the template of that name: all of its fields, or an error.
    ///
    /// # Errors
    /// [`Error::UnknownTemplate`]; [`Error::TemplateFailed`] for the first field that cannot be rendered, because
    /// half a message is worse than none.
    pub(crate) fn render(&self, name: &str, cx: &RenderContext<'_>) -> Result<Object, Error> {
        let Some(content) = self.named.get(name) else {
            let nearest = nearest(name, self.named.keys().map(|name| &**name)).map(Into::into);
            return Err(Error::UnknownTemplate { name: name.into(), nearest });
        };
        let mut failed = None;
        let object = self.render_content(content, cx, |field, message| {
            failed.get_or_insert_with(|| Error::TemplateFailed {
                template: name.into(),
                field: field.into(),
                message: message.into(),
            });
        });
        failed.map_or(Ok(object), Err)
    }

    /// Renders a content. A field that cannot be rendered is left out and told to `failed`, with what went wrong.
    pub(super) fn render_content(
        &self,
        content: &Content,
        cx: &RenderContext<'_>,
        mut failed: impl FnMut(&str, String),
    ) -> Object {
        let mut object = Object::new();
        let context = if content.is_static { None } else { Some(content.reads.context(cx)) };
        for (field, text) in &content.fields {
            let rendered = match (text, &context) {
                (Text::Template(name), Some(context)) => self.render_text(name, context),
                (Text::Expression(source), Some(context)) => evaluate(source, &self.environment, context),
                (Text::Static(text) | Text::Template(text) | Text::Expression(text), _) => {
                    Ok(Value::String(text.clone()))
                }
            };
            match rendered {
                Ok(value) => object.set(field.clone(), value),
                Err(message) => failed(field, message),
            }
        }
        object
    }

    fn render_text(&self, name: &str, context: &minijinja::Value) -> Result<Value, String> {
        let template = self.environment.get_template(name).map_err(|error| words(&error, ""))?;
        let text = template.render(context.clone()).map_err(|error| words(&error, template.source()))?;
        if text.len() > OUTPUT_BYTES_MAX {
            return Err(format!("it gives {} bytes, at most {OUTPUT_BYTES_MAX} are allowed", text.len()));
        }
        Ok(Value::from(text))
    }
}

/// `{{ event.departs | local("%H:%M") }}`: an instant as the clock of the user shows it, or that of the settings where nobody
/// is known. What is missing stays so.
fn local(
    state: &State<'_, '_>,
    value: &minijinja::Value,
    format: &str,
) -> Result<minijinja::Value, minijinja::Error> {
    let refused = |message: String| minijinja::Error::new(ErrorKind::InvalidOperation, message);
    // A format can be told to be wrong before there is a value.
    if format.len() > FORMAT_BYTES_MAX || Zone::UTC.format(Instant::default(), format).is_none() {
        let message = format!("{} is no format of `strftime`, as `%H:%M` is", Quoted(format));
        return Err(minijinja::Error::new(ErrorKind::SyntaxError, message));
    }
    if value.is_undefined() || value.is_none() {
        return Ok(minijinja::Value::UNDEFINED);
    }
    let Some(at) = value.as_str().and_then(|text| text.parse::<Instant>().ok()) else {
        return Err(refused(format!("`local` takes an instant, not {}", Quoted(&value.to_string()))));
    };
    let zone = state.lookup(ZONE).and_then(|name| Zone::named(name.as_str()?)).unwrap_or(Zone::UTC);
    Ok(zone.format(at, format).map_or(minijinja::Value::UNDEFINED, Into::into))
}

/// Why a text was refused.
struct Refused {
    message: String,
    help: Option<String>,
}

/// An error of the template engine in one line, with the line of the text if it has several.
pub(super) fn words(error: &minijinja::Error, text: &str) -> String {
    let message = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => format!("it takes more than {FUEL_MAX} steps"),
        (kind, None) => kind.to_string(),
        (_, Some(detail)) => detail.to_owned(),
    };
    match error.line() {
        Some(line) if text.trim_end().contains('\n') => format!("line {line}: {message}"),
        _ => message,
    }
}

#[cfg(test)]
#[path = "template_test.rs"]
mod tests;
