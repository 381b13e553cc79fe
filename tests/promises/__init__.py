"""The fourteen promises of the engine and of what is built on it, and the tests that hold it to each.

A promise is tested three times: over patterns nobody would write and a tiny alphabet (`tests/match`), over random small
policies (`tests/core`, `tests/surfaces`), and here over the packs that ship, with texts made of true credentials and
personal data, cut, glued, nested and one off (`fragments.py` says how many hold a match). `mutants.py` holds the suite
to account: small mistakes in the engine that it must notice.

1. Chunk invariance: any partition of a text, single characters and bytes of a stream included, gives what the whole
   text gives.
    tests/match/test_pattern_scanner.py::test_how_a_text_is_cut_changes_neither_what_is_found_nor_its_order
    tests/match/test_tracking_scanner.py::test_how_a_text_is_cut_changes_neither_what_is_found_nor_its_order
    tests/match/test_view_scanner.py::test_a_stream_finds_what_was_written_as_a_match_however_it_is_cut
    tests/match/test_view_scanner.py::test_what_leaves_a_stream_is_the_whole_text_redacted
    tests/wire/test_sse.py::test_every_way_of_cutting_gives_the_items_and_faults_of_the_whole
    tests/core/test_stream.py::test_every_way_of_cutting_gives_what_the_whole_text_gives
    tests/core/test_stream.py::test_every_single_cut_gives_what_the_whole_text_gives
    tests/surfaces/chat_completions/test_stream.py::test_every_way_of_cutting_the_bytes_gives_the_whole_texts
    tests/promises/test_bytes.py::test_events_of_several_lines_are_the_same_wherever_their_bytes_are_cut
    tests/promises/test_bytes.py::test_a_line_feed_belongs_to_the_carriage_return_only_right_behind_it
    tests/policyfile/test_shipped_policies.py::test_every_example_of_a_shipped_rule_holds
    tests/promises/test_cutting.py::test_every_way_of_cutting_gives_what_the_whole_text_gives
    tests/promises/test_cutting.py::test_every_single_cut_gives_what_the_whole_text_gives
    tests/promises/test_streams.py::test_every_channel_is_what_its_whole_text_would_be_however_the_bytes_come
2. Oracle: what is found is what a brute-force reading of the specification finds.
    tests/match/test_pattern_set.py::test_what_is_found_covers_exactly_the_union_of_all_matches
    tests/match/test_pattern_set.py::test_a_whole_text_gives_what_the_scanner_gives_in_the_same_order
    tests/match/test_pattern_set.py::test_most_generated_cases_hold_a_match_and_many_of_each_kind
    tests/core/test_stream.py::test_what_leaves_is_what_no_match_holds
    tests/core/test_stream.py::test_most_generated_cases_hold_a_match
    tests/promises/test_definition.py::test_the_language_is_spelled_for_python
    tests/promises/test_definition.py::test_nearly_every_rule_of_the_packs_can_be_held_against_brute_force
    tests/promises/test_definition.py::test_a_rule_finds_exactly_the_union_of_all_matches_its_words_name
    tests/promises/test_definition.py::test_all_rules_together_hide_what_brute_force_finds_for_any_of_them
    tests/promises/test_definition.py::test_no_rule_disturbs_another
    tests/promises/test_definition.py::test_much_of_what_is_held_against_brute_force_holds_a_match
    tests/promises/test_windows.py::test_the_parts_of_a_text_that_are_read_begin_with_what_stands_before_them
    tests/promises/test_windows.py::test_a_scanner_can_begin_anywhere_and_knows_what_stands_before_it
    tests/promises/test_fragments.py::test_most_generated_texts_hold_a_match_and_of_many_rules
3. No retraction: what any prefix lets out begins what every continuation lets out.
    tests/match/test_scanner.py::test_no_later_span_begins_before_safe_but_to_make_one_of_its_rule_longer
    tests/core/test_stream.py::test_what_has_left_is_never_taken_back
    tests/core/test_stream.py::test_what_has_left_stays_right_whatever_follows
    tests/core/test_stream.py::test_no_character_of_a_match_ever_leaves
    tests/surfaces/chat_completions/test_stream.py::test_no_prefix_of_a_stream_shows_more_than_its_texts_may
    tests/promises/test_cutting.py::test_what_has_left_begins_whatever_the_text_becomes
    tests/promises/test_cutting.py::test_of_a_small_policy_too_what_has_left_begins_whatever_follows
    tests/promises/test_streams.py::test_nothing_a_match_covers_is_shown_where_a_field_ends
4. Optimality: text waits only if a continuation would hide it; every text and continuation of a tiny alphabet is tried.
    tests/match/test_scanner.py::test_what_is_held_back_could_still_match_and_what_is_not_cannot
    tests/match/test_view_scanner.py::test_what_is_held_back_could_still_match_and_what_is_not_cannot
    tests/core/test_stream.py::test_only_text_that_can_become_a_match_waits
5. Hold bound: a rule holds at most its longest stretch and one character, all rules hold what the neediest one holds,
   and a long stream needs no more memory than a short one.
    tests/match/test_tracking_scanner.py::test_without_a_match_nothing_is_followed_and_nothing_waits
    tests/promises/test_cutting.py::test_no_rule_holds_more_than_its_longest_stretch_and_one
    tests/promises/test_cutting.py::test_all_rules_together_hold_what_the_neediest_of_them_holds
    tests/promises/test_cutting.py::test_a_long_stream_needs_no_more_memory_than_a_short_one
6. No residue: looking at the output again finds nothing outside of placeholders, and placeholders make nothing.
    tests/core/test_stream.py::test_looking_again_finds_nothing
    tests/core/test_stream.py::test_looking_again_finds_at_most_what_a_neighbour_kept_from_being_a_match
    tests/core/test_stream.py::test_looking_again_finds_no_credential
    tests/promises/test_residue.py::test_nothing_is_found_again_but_what_a_hidden_neighbour_had_kept_from_being_a_match
    tests/promises/test_residue.py::test_a_text_in_which_nothing_is_found_stays_as_it_is
    tests/promises/test_residue.py::test_no_placeholder_is_found_whole_or_cut
    tests/promises/test_residue.py::test_placeholders_next_to_each_other_are_not_found
    tests/promises/test_residue.py::test_a_placeholder_is_not_the_name_of_a_value_behind_it
7. Cache independence: what an automaton remembers, and who shares it, decides nothing.
    tests/match/test_automaton.py::test_forgetting_transitions_changes_nothing
    tests/match/test_automaton.py::test_scanners_of_one_automaton_do_not_disturb_each_other
    tests/match/test_starts.py::test_from_each_start_it_finds_every_end
    tests/promises/test_cutting.py::test_what_is_remembered_decides_nothing
    tests/promises/test_cutting.py::test_streams_that_share_a_policy_do_not_notice_each_other
8. Channel independence: channels are each what they are alone, and a choice keeps its order. Where fields may be
   returned to at any time, the policy has to say that they are interleaved; otherwise they also leave in their order.
    tests/surfaces/chat_completions/test_stream.py::test_each_field_of_each_choice_is_what_its_whole_text_would_be
    tests/surfaces/chat_completions/test_stream.py::test_interleaved_choices_are_each_what_they_are_alone
    tests/surfaces/chat_completions/test_stream.py::test_events_of_a_choice_keep_their_order
    tests/promises/test_streams.py::test_the_order_in_which_channels_come_changes_none_of_them
    tests/surfaces/chat_completions/test_sequence.py::test_each_choice_keeps_the_order_of_its_fields_whatever_the_others_do
    tests/surfaces/chat_completions/test_sequence.py::test_it_keeps_it_however_the_bytes_are_cut
    tests/surfaces/chat_completions/test_sequence.py::test_many_generated_streams_would_lose_their_order_if_fields_could_come_back
    tests/promises/test_streams.py::test_fields_of_a_choice_leave_in_their_order_as_their_whole_texts_would
    tests/promises/test_streams.py::test_most_generated_fields_end_in_what_may_begin_a_match
9. Arguments of tool calls stay JSON of the same shape, and only leaves that match change.
    tests/surfaces/chat_completions/test_calls.py::test_interleaved_calls_come_whole_redacted_and_valid
    tests/surfaces/chat_completions/test_calls.py::test_a_stream_cut_anywhere_emits_whole_calls_or_none
    tests/promises/test_streams.py::test_arguments_stay_json_of_the_same_shape_and_only_matches_change
10. Envelope consistency: what a stream adds up to is the answer that does not stream.
    tests/promises/test_streams.py::test_what_a_stream_adds_up_to_is_the_answer_that_does_not_stream
    tests/promises/test_streams.py::test_an_envelope_holds_a_match_in_most_cases
11. Lossless: without a match all that arrives goes out, unknown members and events included.
    tests/surfaces/chat_completions/test_stream.py::test_without_a_match_every_event_passes_as_it_is
    tests/surfaces/chat_completions/test_stream.py::test_without_redaction_only_the_place_of_text_changes
    tests/surfaces/chat_completions/test_stream.py::test_an_event_nothing_was_found_in_goes_out_byte_for_byte
    tests/surfaces/chat_completions/test_stream.py::test_dialects_pass
    tests/promises/test_streams.py::test_all_that_is_no_text_passes_and_texts_pass_where_nothing_is_found
12. Client conformance: the official Python client, raw and with its helper, reads every guarded stream. No client of
    another language is run here.
    tests/surfaces/chat_completions/test_stream.py::test_the_official_helper_adds_a_redacted_stream_up
    tests/e2e/test_openai_client.py::test_the_stream_helper_and_its_final_completion_work
    tests/e2e/test_openai_client.py::test_a_credential_never_leaves_in_a_stream_however_it_is_cut
    tests/e2e/test_openai_client.py::test_a_streamed_tool_call_arrives_whole_redacted_and_as_valid_json
    tests/promises/test_streams.py::test_the_official_client_reads_the_guarded_stream
    tests/promises/test_streams.py::test_the_official_helper_adds_the_guarded_stream_up
    tests/promises/test_streams.py::test_the_official_helper_gets_whole_calls
    tests/promises/test_streams.py::test_a_blocked_stream_raises_in_the_client_only_what_is_meant
    tests/promises/test_streams.py::test_streams_as_other_servers_write_them_are_read_too
    tests/promises/test_streams.py::test_an_error_at_the_end_of_a_blocked_stream_is_raised_by_the_client
13. Monotone policy: adding a rule never shows a character that was hidden before.
    tests/match/test_pattern_set.py::test_adding_patterns_uncovers_nothing
    tests/core/test_stream.py::test_adding_a_rule_never_shows_more
    tests/promises/test_definition.py::test_a_larger_policy_never_shows_what_a_smaller_one_hides
14. Separation: whatever a caller sends, no text below the operator's speaks for the operator, leaves its fence or
   separates turns, also when the caller knows the nonce.
    tests/promises/test_separation.py::test_whatever_a_caller_sends_operator_user_and_data_stay_apart
    tests/promises/test_separation.py::test_without_fences_no_token_is_live_and_nothing_hidden_however_texts_are_cut
    tests/promises/test_separation_elsewhere.py::test_whatever_a_caller_sends_operator_user_and_data_stay_apart
    tests/promises/test_separation_elsewhere.py::test_without_fences_no_token_is_live_and_nothing_hidden_however_texts_are_cut
"""
