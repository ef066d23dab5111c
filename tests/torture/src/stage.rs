//! Stages of calls that a worker tells of because cuts and kills have to fall into them.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::Result;
use crate::journal::{Event, Line};

/// What is a part of a call, or goes on beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The end of a session, which makes its files durable.
    SessionEnd,
    /// Layers become one.
    Merge,
}

/// Lets this process say when a stage is entered and left.
pub(crate) fn tell(record: Option<PathBuf>) -> Result<()> {
    let subscriber = tracing_subscriber::registry().with(Teller { record });
    Ok(tracing::subscriber::set_global_default(subscriber)?)
}

struct Teller {
    record: Option<PathBuf>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Teller {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let (Some(stage), Some(span)) = (stage_of(attributes), context.span(id)) {
            span.extensions_mut().insert(stage);
            self.say(id, Event::Entered(stage));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id);
        let stage = span.and_then(|span| span.extensions().get::<Stage>().copied());
        if let Some(stage) = stage {
            self.say(&id, Event::Left(stage));
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_span()
    }
}

impl Teller {
    /// Two stages at once have two ids.
    fn say(&self, id: &Id, event: Event) {
        let number = usize::try_from(id.into_u64()).unwrap_or_default();
        let said = Line::of(number, self.record.as_deref(), event).and_then(|line| line.say());
        if let Err(error) = said {
            // Whoever reads the lines has gone, or finds that some are missing.
            drop(io::Write::write_all(
                &mut io::stderr(),
                error.to_string().as_bytes(),
            ));
        }
    }
}

/// The stage that a span of the product stands for.
fn stage_of(attributes: &Attributes<'_>) -> Option<Stage> {
    let mut verb = Verb::default();
    attributes.record(&mut verb);
    match (attributes.metadata().name(), verb.0.as_str()) {
        ("merge", _) => Some(Stage::Merge),
        (_, "end_session") => Some(Stage::SessionEnd),
        _ => None,
    }
}

#[derive(Default)]
struct Verb(String);

impl Visit for Verb {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "verb" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
