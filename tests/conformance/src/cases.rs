//! The lists of cases, and the macros that make tests of them.

/// Calls a macro with every case of a [`MetadataHarness`](crate::MetadataHarness).
///
/// `for_each_metadata_case!([callback] [arguments])` expands to
/// `callback!([arguments] topic { case case … } topic { … } …)`.
#[macro_export]
macro_rules! for_each_metadata_case {
    ([$($callback:tt)+] [$($arguments:tt)*]) => {
        $($callback)+! {
            [$($arguments)*]
            records {
                put_then_get_returns_it
                every_field_comes_back
                every_intent_comes_back
                revoked_and_endless_sessions_come_back
                empty_store_answers_absence
                record_of_another_account_is_none
                update_replaces_the_record
                answered_commit_is_seen_by_another_task
                update_of_an_old_version_conflicts
                update_of_a_version_to_come_conflicts
                insertion_of_a_present_id_conflicts
                insertion_of_an_id_of_another_account_conflicts
                change_of_an_absent_record_conflicts
                removed_record_is_gone
                removal_of_an_old_version_conflicts
                removal_for_another_account_removes_nothing
                insertion_of_a_later_version_is_invalid
                update_whose_version_does_not_follow_is_invalid
                update_that_moves_the_account_is_invalid
            }
            names {
                taken_name_refuses_an_insertion
                name_of_the_same_key_is_taken
                taken_name_refuses_a_renaming
                name_is_free_in_another_account
                name_of_another_account_is_not_found
                record_is_found_by_any_spelling
                renamed_workspace_frees_its_name
                unnamed_workspace_frees_its_name
                removed_workspace_frees_its_name
                workspaces_without_a_name_do_not_collide
                workspace_keeps_its_own_name
                version_is_judged_before_the_name
                name_is_judged_before_those_of_snapshots
            }
            listing {
                pages_are_complete_and_in_order
                filtered_page_is_short_only_at_the_end
                limit_of_zero_is_an_empty_page
                page_begins_after_a_removed_record
                listing_holds_one_account_alone
                each_filter_answers_what_matches
                filters_follow_an_update
            }
            snapshots {
                snapshot_comes_back_equal
                one_change_adds_and_removes
                put_replaces_the_one_of_the_same_id
                removal_of_an_absent_snapshot_does_nothing
                taken_snapshot_name_refuses_the_whole_change
                two_snapshots_of_one_change_do_not_share_a_name
                snapshot_name_is_free_in_another_workspace
                name_freed_earlier_in_a_change_is_free
                name_left_earlier_in_a_change_is_free
                later_put_of_one_change_stands
                conflict_changes_no_snapshot
                removed_workspace_takes_its_snapshots
                snapshot_of_another_workspace_is_none
                pages_are_complete_and_in_order
            }
            in_flight {
                operations_and_discards_are_in_flight
                record_is_in_flight_until_it_is_settled
                removed_record_is_not_in_flight
                pages_are_complete_and_in_order
            }
            sessions {
                sessions_end_at_the_moment_or_before
                session_without_a_lease_ends_last
                renewal_moves_and_the_end_removes
                removed_record_has_no_session
                pages_are_complete_and_in_order
                page_begins_after_a_session_that_is_gone
            }
            upkeep {
                records_of_all_accounts_are_answered
                every_record_is_on_one_page
                page_begins_after_a_removed_record
                check_of_a_sound_store_finds_nothing
                check_beside_changes_finds_nothing
                repair_of_a_sound_store_changes_nothing
            }
            receipts {
                receipt_comes_back_equal
                receipt_is_its_accounts_alone
                taken_key_refuses_the_whole_change
                key_is_judged_last
                receipt_outlives_its_workspace
                old_receipts_are_forgotten_oldest_first
                forgotten_key_is_free
            }
            reservations {
                reservations_are_noted_and_forgotten
                volumes_are_noted_as_their_record_lets_go
                later_note_of_a_volume_stands
                pages_are_complete_and_in_order
                reservations_are_still_there
            }
            soon {
                change_is_seen_at_once
                change_is_judged_like_any_other
                change_is_kept_with_the_next
            }
            races {
                one_update_of_a_version_is_done
                one_insertion_of_a_name_is_done
                one_renaming_to_a_name_is_done
                update_or_removal_of_a_version_is_done
                readers_see_all_of_a_change_or_none
                dropped_commit_is_done_or_not
            }
            reopen {
                committed_records_are_still_there
                names_are_still_taken
                snapshots_are_still_there
                work_to_recover_is_still_found
                receipts_are_still_there
                removed_record_stays_away
            }
            generations {
                every_generation_is_greater
                generation_grows_over_reopening
                generations_begun_at_once_differ
                generation_that_is_taken_back_is_not_counted
                only_the_last_generation_is_taken_back
                stores_have_ids_of_their_own
            }
        }
    };
}

/// Calls a macro with every case of a [`VolumeHarness`](crate::VolumeHarness).
///
/// `for_each_volume_case!([callback] [arguments])` expands to
/// `callback!([arguments] topic { case case … } topic { … } …)`.
#[macro_export]
macro_rules! for_each_volume_case {
    ([$($callback:tt)+] [$($arguments:tt)*]) => {
        $($callback)+! {
            [$($arguments)*]
            lifecycle {
                info_is_the_same_at_every_call
                created_volume_is_active_and_empty
                created_root_is_of_the_process
                path_is_the_same_at_every_call
                status_tells_whether_it_is_mounted
                files_are_there_at_the_next_mount
                unmounted_volume_can_be_unmounted
                frozen_volume_stays_active_too
                forked_volume_is_active_with_the_files
                empty_volume_can_be_frozen_and_forked
                check_of_a_sound_volume_finds_nothing
                usage_counts_what_was_written
            }
            independence {
                forked_volume_keeps_parent_bytes
                forks_of_one_parent_are_apart
                forks_mounted_at_once_are_apart
                fork_outlives_its_parent
                parent_outlives_its_fork
                two_clones_of_a_template_outlive_it
                long_lines_of_forks_keep_every_step
                volumes_worked_on_at_once_stay_apart
            }
            immutability {
                frozen_volume_keeps_overwritten_bytes
                frozen_volume_keeps_removed_files
                frozen_volume_outlives_the_active_one
                each_freeze_keeps_its_own_moment
                frozen_volume_is_not_mounted
            }
            fidelity {
                contents_are_kept
                names_of_any_bytes_are_kept
                modes_are_kept
                owners_are_kept
                times_are_kept
                extended_attributes_are_kept
                symbolic_links_are_kept
                hard_links_are_kept
                named_pipes_are_kept
                holes_are_kept
                removed_entries_stay_removed
            }
            filling {
                filled_volume_keeps_its_files
                filled_volume_is_frozen_and_forked
                volume_is_removed_while_it_is_filled
                frozen_volume_is_not_filled
            }
            busy {
                mounted_volume_is_not_mounted_again
                mounted_volume_is_not_frozen
                mounted_volume_is_not_removed
                process_inside_keeps_it_mounted
                open_file_keeps_it_mounted
                process_inside_stops_freezing_and_removal
                program_that_starts_holds_nothing
            }
            recipes {
                unclaimed_recipe_is_unsupported
                claimed_recipe_is_given_and_mounts_nothing
                claimed_recipe_is_for_active_volumes
                claimed_recipe_is_not_given_of_a_mounted_volume
            }
            removal {
                removed_volume_is_gone
                removal_is_made_durable
                absent_volume_is_removed_already
                removal_leaves_all_other_volumes
                folders_that_forbid_writing_are_removed
                reclaim_gives_back_all_space
            }
            listing {
                no_volume_is_an_empty_page
                every_volume_is_listed_with_its_state
                pages_are_complete_and_in_order
                page_begins_after_a_removed_volume
            }
            labels {
                label_comes_back
                label_of_any_text_is_kept
                label_is_replaced_by_the_next
                label_that_is_too_long_is_invalid
                volume_that_is_made_with_a_label_has_it
                volume_is_not_made_over_another_with_its_label
                absent_volume_takes_no_label
                removed_volume_takes_its_label_along
                fork_and_frozen_volume_begin_without_a_label
                label_of_a_mounted_volume_is_none_of_its_files
                one_of_racing_labels_stands_whole
            }
            bind {
                new_volumes_take_any_store
                volumes_that_were_never_tied_refuse
                greater_generation_is_taken
                older_generation_is_a_mismatch
                another_store_is_a_mismatch
                refused_tie_changes_nothing
                adopted_store_is_taken
            }
            hostile {
                links_out_of_a_volume_are_not_followed
                link_in_place_of_a_folder_is_not_followed
                deep_and_wide_trees_are_kept_and_removed
                names_of_a_backend_s_own_files_are_kept
            }
            errors {
                absent_volume_is_not_found
                volume_of_the_other_kind_is_in_the_wrong_state
                taken_id_exists_already
                failed_fork_leaves_no_volume
                failed_freeze_leaves_no_volume
                one_of_racing_creations_is_done
                dropped_fork_is_whole_or_absent
            }
            reopen {
                volumes_and_files_are_still_there
                removed_volume_stays_away
                generation_is_still_known
                labels_are_still_there
            }
        }
    };
}

/// Makes a test of every metadata case, run on the harness of that type.
///
/// Each topic becomes a module, so that one invocation goes into a module of its own:
/// `mod metadata { workdisk_conformance::metadata_tests!(super::MyHarness); }`.
#[macro_export]
macro_rules! metadata_tests {
    ($harness:ty) => {
        $crate::for_each_metadata_case!([$crate::__tests] [$harness, metadata]);
    };
}

/// Makes a test of every volume case, run on the harness of that type.
///
/// Each topic becomes a module, so that one invocation goes into a module of its own:
/// `mod volume { workdisk_conformance::volume_tests!(super::MyHarness); }`.
#[macro_export]
macro_rules! volume_tests {
    ($harness:ty) => {
        $crate::for_each_volume_case!([$crate::__tests] [$harness, volume]);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ([$harness:ty, $kind:ident] $($topic:ident { $($case:ident)+ })+) => {
        /// Seen from the topics' modules, where the type's own path may not hold.
        type ConformanceHarness = $harness;
        $crate::__topics!([$kind] $($topic { $($case)+ })+);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __topics {
    ([$kind:ident] $($topic:ident $cases:tt)+) => {
        $($crate::__topic!([$kind] $topic $cases);)+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __topic {
    ([$kind:ident] $topic:ident { $($case:ident)+ }) => {
        mod $topic {
            $(
                #[test]
                fn $case() {
                    $crate::run::<super::ConformanceHarness, _>($crate::$kind::$topic::$case);
                }
            )+
        }
    };
}
