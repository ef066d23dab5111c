//! Whether there is an order of calls, one after another, that explains a history.

use std::collections::HashSet;

use super::calls::Event;
use super::points::{Point, points};
use super::spec::Spec;

/// A call: the moments between which it was done, and its points.
struct Span {
    asked: usize,
    told: usize,
    points: Vec<Point>,
}

/// How many points of each call are placed, and what holds then.
type Moment = (Vec<usize>, Spec);

/// The most points that an order can begin with, of each call, and whether they are all.
pub(super) struct Explained {
    pub(super) is_whole: bool,
    /// Each with the place at which its call was asked.
    pub(super) longest: Vec<(usize, Point)>,
}

/// Looks for an order of the points of a history that keeps to the moments at which calls were asked and told.
///
/// What can be explained from one moment on does not depend on how it came to it, so that each is looked at once: a history
/// that has no explanation is found out as fast as another.
pub(super) fn explain(events: &[Event]) -> Explained {
    let spans = events.iter().enumerate().filter_map(|(told, event)| {
        let Event::Told { asked, .. } = event else {
            return None;
        };
        Some(Span {
            asked: *asked,
            told,
            points: points(events, *asked),
        })
    });
    let mut search = Search {
        spans: spans.collect(),
        seen: HashSet::new(),
        order: Vec::new(),
        longest: Vec::new(),
    };
    let placed = vec![0; search.spans.len()];
    let is_whole = search.goes_on((placed, Spec::default()));
    Explained {
        is_whole,
        longest: search.longest,
    }
}

struct Search {
    spans: Vec<Span>,
    seen: HashSet<Moment>,
    order: Vec<(usize, Point)>,
    longest: Vec<(usize, Point)>,
}

impl Search {
    /// Whether the points that are not placed yet can be.
    fn goes_on(&mut self, (placed, spec): Moment) -> bool {
        if self.order.len() > self.longest.len() {
            self.longest.clone_from(&self.order);
        }
        let calls = 0..self.spans.len();
        let open = calls.filter(|call| placed[*call] < self.spans[*call].points.len());
        let open: Vec<usize> = open.collect();
        if open.is_empty() {
            return true;
        }
        if !self.seen.insert((placed.clone(), spec.clone())) {
            return false;
        }
        let first_told = open.iter().map(|call| self.spans[*call].told).min();
        for call in open {
            let span = &self.spans[call];
            // A call that was told of before this one was asked comes first.
            if first_told.is_some_and(|told| told < span.asked) {
                continue;
            }
            let point = span.points[placed[call]].clone();
            let mut after = spec.clone();
            if after.take(&point).is_none() {
                continue;
            }
            let changes_nothing = after == spec;
            let mut more = placed.clone();
            more[call] += 1;
            self.order.push((span.asked, point));
            if self.goes_on((more, after)) {
                return true;
            }
            self.order.pop();
            // What only looks comes as well now as later.
            if changes_nothing {
                return false;
            }
        }
        false
    }
}
