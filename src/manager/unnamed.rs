//! What a crash left that no record names: volumes under reserved ids.

use std::collections::HashSet;

use super::core::Core;
use super::label::Label;
use super::pages;
use super::reserve::is_held;
use crate::error::Error;
use crate::metadata::volumes_of;
use crate::model::{Reservation, VolumeId};
use crate::session::Liveness;

const PAGE: usize = 256;

impl Core {
    /// All reservations, in order of their volumes.
    pub(super) async fn all_reservations(
        &self,
        verb: &'static str,
    ) -> Result<Vec<Reservation>, Error> {
        let place = |last: &Reservation| last.volume;
        pages::all(verb, PAGE, place, |after| {
            self.metadata.reservations(after, PAGE)
        })
        .await
    }

    /// Removes the volumes that were left under reserved ids and that no record names, and answers them. Forgets the
    /// reservations of work that is over.
    pub(super) async fn settle_reservations(
        &self,
        verb: &'static str,
    ) -> Result<Vec<VolumeId>, Error> {
        let (mut over, mut there) = (Vec::new(), Vec::new());
        for reservation in self.all_reservations(verb).await? {
            let volume = reservation.volume;
            if self.is_in_hand(&reservation) {
                continue;
            }
            // It is asked again: what is there and in nobody's hands after that has been named by then, or never will be.
            let status = self.volume.status(volume).await;
            let status = status.map_err(|error| Error::storage(verb, error))?;
            if self.is_in_hand(&reservation) {
                continue;
            }
            over.push(volume);
            there.extend(status.map(|_| volume));
        }
        let mut unnamed = Vec::new();
        for volume in self.unnamed(verb, there, &mut over).await? {
            match self.remove_volumes(verb, &[volume]).await {
                Ok(()) => unnamed.push(volume),
                // It keeps nobody from working. The next recovery tries again.
                Err(error) => {
                    tracing::warn!(%volume, %error, "what a crash left could not be removed");
                    over.retain(|over| *over != volume);
                }
            }
        }
        if !over.is_empty() {
            let synced = self.volume.sync().await;
            synced.map_err(|error| Error::storage(verb, error))?;
            self.release(verb, over).await?;
        }
        Ok(unnamed)
    }

    /// Whether somebody makes or removes a volume under a reservation, or is about to.
    pub(super) fn is_in_hand(&self, reservation: &Reservation) -> bool {
        if reservation.owner.is_same_process(&self.host.owner()) {
            return is_held(reservation.volume);
        }
        self.host.liveness(&reservation.owner) != Liveness::Dead
    }

    /// Those of the volumes that no record names. All records are looked at if the label does not lead to the one; while
    /// any cannot be read, nothing is said of the volumes, and their reservations stay.
    async fn unnamed(
        &self,
        verb: &'static str,
        volumes: Vec<VolumeId>,
        over: &mut Vec<VolumeId>,
    ) -> Result<Vec<VolumeId>, Error> {
        let mut suspects = Vec::new();
        for volume in volumes {
            // What cannot be read is looked for below.
            if !matches!(self.is_named_as_labelled(verb, volume).await, Ok(true)) {
                suspects.push(volume);
            }
        }
        if suspects.is_empty() {
            return Ok(suspects);
        }
        let faults = self.metadata.check(None).await;
        let faults = faults.map_err(|error| Error::storage(verb, error))?;
        if faults.iter().any(|fault| !fault.mendable) {
            tracing::warn!("volumes of unfinished work stay: not all records can be read");
            let unknown: HashSet<VolumeId> = suspects.into_iter().collect();
            over.retain(|volume| !unknown.contains(volume));
            return Ok(Vec::new());
        }
        let census = self.census(verb).await?;
        suspects.retain(|volume| !census.volumes.contains_key(volume));
        Ok(suspects)
    }

    /// Whether the workspace of which the label tells names the volume.
    async fn is_named_as_labelled(
        &self,
        verb: &'static str,
        volume: VolumeId,
    ) -> Result<bool, Error> {
        let text = self.volume.label(volume).await.ok().flatten();
        let Some(label) = text.and_then(|text| Label::parse(&text).ok()) else {
            return Ok(false);
        };
        let id = label.workspace;
        let Some(record) = self.still_there(verb, &label.account, id).await? else {
            return Ok(false);
        };
        if volumes_of(&record).contains(&volume) {
            return Ok(true);
        }
        let snapshots = self.snapshots_if_readable(verb, id).await?;
        let mut snapshots = snapshots.unwrap_or_default().into_iter();
        Ok(snapshots.any(|snapshot| snapshot.volume == volume))
    }
}
