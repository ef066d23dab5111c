//! Backends with one flaw each: a named case fails on each of them.

mod metadata;
mod volume;

use std::panic::catch_unwind;
use std::sync::Arc;

use workdisk::{Metadata, Volume};
use workdisk_conformance::{Harness, MetadataHarness, Skip, VolumeHarness};
use workdisk_memory::MemoryMetadata;

use self::metadata::{BadMetadata, MetadataFlaw};
use self::volume::{BadVolume, VolumeFlaw};
use crate::memory::Direct;

/// Makes a test that a case fails on a backend with a flaw. On the same backend without it the case passes: the tests of
/// the memory backend show that.
macro_rules! caught {
    ($harness:ident $kind:ident $trait:ident $wrapper:ident $flaws:ident
        $($test:ident: $flaw:ident => $topic:ident::$case:ident;)+) => {$(
        #[test]
        fn $test() {
            struct Bad(Direct);

            impl Harness for Bad {
                async fn start() -> Result<Self, Skip> {
                    Ok(Self(Direct::start().await?))
                }
            }

            impl $harness for Bad {
                async fn open(&self) -> Arc<dyn $trait> {
                    let inner = $harness::open(&self.0).await;
                    Arc::new($wrapper::new(inner, $flaws::$flaw))
                }
            }

            let case = || workdisk_conformance::run::<Bad, _>(workdisk_conformance::$kind::$topic::$case);
            assert!(catch_unwind(case).is_err(), "the case passed");
        }
    )+};
}

caught! {
    MetadataHarness metadata Metadata BadMetadata MetadataFlaw
    forgotten_write_is_caught: ForgetsWrites => records::put_then_get_returns_it;
    forgotten_removal_is_caught: ForgetsRemovals => records::removed_record_is_gone;
    ignored_version_is_caught: IgnoresTheVersion => records::update_of_an_old_version_conflicts;
    name_taken_twice_is_caught: SaysDoneToATakenName => names::taken_name_refuses_an_insertion;
    page_listed_twice_is_caught: ListsAPageTwice => listing::pages_are_complete_and_in_order;
    unfiltered_listing_is_caught: IgnoresTheFilter => listing::each_filter_answers_what_matches;
    forgotten_snapshot_is_caught: ForgetsSnapshots => snapshots::snapshot_comes_back_equal;
    hidden_discard_is_caught: HidesDiscards => in_flight::operations_and_discards_are_in_flight;
    hidden_endless_session_is_caught: HidesEndlessSessions => sessions::session_without_a_lease_ends_last;
    forgotten_receipt_is_caught: ForgetsReceipts => receipts::receipt_comes_back_equal;
    volume_let_go_without_a_note_is_caught: LetsGoWithoutANote => reservations::volumes_are_noted_as_their_record_lets_go;
    forgotten_reservation_is_caught: ForgetsReservations => reservations::reservations_are_noted_and_forgotten;
    change_that_is_never_kept_is_caught: ForgetsWhatIsKeptSoon => soon::change_is_seen_at_once;
    repeated_generation_is_caught: RepeatsTheGeneration => generations::every_generation_is_greater;
    hidden_account_is_caught: HidesAccounts => upkeep::records_of_all_accounts_are_answered;
    fault_of_a_sound_store_is_caught: CriesWolf => upkeep::check_of_a_sound_store_finds_nothing;
}

caught! {
    VolumeHarness volume Volume BadVolume VolumeFlaw
    bytes_shared_by_forks_are_caught: SharesBytesOfForks => independence::forks_of_one_parent_are_apart;
    late_freeze_is_caught: FreezesLate => immutability::frozen_volume_keeps_overwritten_bytes;
    volume_left_by_a_failure_is_caught: LeaksOnFailure => errors::failed_fork_leaves_no_volume;
    freeze_of_a_mounted_volume_is_caught: FreezesWhatIsMounted => busy::mounted_volume_is_not_frozen;
    removal_of_a_mounted_volume_is_caught: RemovesWhatIsMounted => busy::mounted_volume_is_not_removed;
    forgotten_volume_removal_is_caught: ForgetsRemovals => removal::removed_volume_is_gone;
    page_of_volumes_listed_twice_is_caught: ListsAPageTwice => listing::pages_are_complete_and_in_order;
    tie_to_any_store_is_caught: TakesAnyStore => bind::another_store_is_a_mismatch;
    unclaimed_recipe_is_caught: GivesUnclaimedRecipes => recipes::unclaimed_recipe_is_unsupported;
    lost_mode_is_caught: LosesModes => fidelity::modes_are_kept;
    label_that_stays_is_caught: KeepsTheFirstLabel => labels::label_is_replaced_by_the_next;
    label_of_the_parent_is_caught: TakesTheLabelOver => labels::fork_and_frozen_volume_begin_without_a_label;
    files_that_fill_nothing_are_caught: FillsNothing => filling::filled_volume_keeps_its_files;
    forgotten_label_of_a_fork_is_caught: ForgetsTheLabelOfAFork => labels::volume_that_is_made_with_a_label_has_it;
    label_of_what_is_refused_is_caught: LabelsWhatItRefusesToMake => labels::volume_is_not_made_over_another_with_its_label;
    label_left_behind_is_caught: LeavesTheLabelBehind => labels::removed_volume_takes_its_label_along;
}

/// A disk that keeps nothing.
struct Forgetful;

impl Harness for Forgetful {
    async fn start() -> Result<Self, Skip> {
        Ok(Self)
    }
}

impl MetadataHarness for Forgetful {
    async fn open(&self) -> Arc<dyn Metadata> {
        Arc::new(MemoryMetadata::new())
    }
}

#[test]
fn store_that_forgets_when_closed_is_caught() {
    let case =
        workdisk_conformance::metadata::reopen::committed_records_are_still_there::<Forgetful>;
    assert!(catch_unwind(|| workdisk_conformance::run(case)).is_err());
}
