//! Which layers are merged.

/// The newest layers of a chain become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Merge {
    /// How many.
    pub(super) count: usize,
    /// The level of what they become.
    pub(super) level: u8,
}

/// Judges a chain by its layers' levels, the newest first. If what a merge makes completes a run of the next level, that
/// run is merged in the same step.
pub(super) fn plan(levels: &[u8], width: usize) -> Option<Merge> {
    let mut due: Option<Merge> = None;
    loop {
        let done = due.map_or(0, |merge| merge.count);
        let rest = &levels[done..];
        let level = due.map_or(*rest.first()?, |merge| merge.level);
        let run = rest.iter().take_while(|it| **it == level).count();
        if run + usize::from(due.is_some()) < width || run == 0 {
            return due;
        }
        due = Some(Merge {
            count: done + run,
            level: level.saturating_add(1),
        });
        if done + run == levels.len() {
            return due;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OverlayOptions;

    #[test]
    fn merge_is_due_when_a_run_is_as_long_as_the_width() {
        assert_eq!(plan(&[0, 0], 3), None);
        assert_eq!(plan(&[0, 0, 0], 3), Some(Merge { count: 3, level: 1 }));
        assert_eq!(plan(&[0, 0, 0, 1], 3), Some(Merge { count: 3, level: 1 }));
        assert_eq!(plan(&[], 3), None);
    }

    #[test]
    fn merge_that_completes_the_next_level_takes_it_along() {
        assert_eq!(
            plan(&[0, 0, 0, 1, 1, 2], 3),
            Some(Merge { count: 5, level: 2 })
        );
    }

    #[test]
    fn chains_grow_as_the_docs_of_the_width_say() {
        let (mut chain, mut longest) = (Vec::new(), 0);
        for freezes in 1..=1_000_000 {
            chain.insert(0, 0_u8);
            longest = longest.max(chain.len());
            if let Some(merge) = plan(&chain, OverlayOptions::MERGE_WIDTH) {
                chain.splice(..merge.count, [merge.level]);
            }
            match freezes {
                256 => assert_eq!(longest, 31),
                4096 => assert_eq!(longest, 46),
                1_000_000 => assert_eq!(longest, 75),
                _ => {}
            }
        }
    }
}
