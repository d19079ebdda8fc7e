"""Invariants of how pictures are kept: what search sees, where they are filed, and what purging leaves."""

from typing import Final

from studio.integrity.invariants import Invariant

SHELVES: Final = (
    Invariant(
        "library.search_sees_what_is_kept",
        """
        SELECT 'asset ' || a.id FROM library_asset a
        WHERE a.search <> CASE
            WHEN a.purged_at IS NULL THEN library_words_of_team(a.words, a.team_id) || library_asset_tokens(a)
            ELSE ''
        END
        """,
    ),
    Invariant(
        "library.words_are_known_to_the_team",
        """
        SELECT 'asset ' || a.id FROM library_asset a
        WHERE EXISTS (
            SELECT FROM unnest(a.words) AS said
            WHERE NOT EXISTS (SELECT FROM library_word w WHERE w.team_id = a.team_id AND w.word = said.lexeme)
        )
        """,
    ),
    Invariant(
        "library.words_are_of_pictures_or_to_be_forgotten",
        """
        SELECT DISTINCT 'word ' || w.id FROM library_word w JOIN (
            SELECT team_id, word FROM library_word
            EXCEPT SELECT team_id, lexeme FROM library_asset, unnest(words)
            EXCEPT SELECT team_id, word FROM library_formerword
        ) AS left_over USING (team_id, word)
        """,
    ),
    Invariant(
        "library.item_is_listed_like_its_asset",
        """
        SELECT 'collection item ' || i.id FROM library_collectionitem i JOIN library_asset a ON a.id = i.asset_id
        WHERE i.is_listed <> (a.binned_at IS NULL)
        """,
    ),
    Invariant(
        "library.purged_asset_is_empty",
        """
        SELECT 'asset ' || id FROM library_asset
        WHERE purged_at IS NOT NULL
          AND (prompt || revised_prompt || title || notes || file_name || sort_name <> '' OR words <> '')
        """,
    ),
    Invariant(
        "library.purged_asset_is_filed_nowhere",
        """
        SELECT 'asset ' || a.id FROM library_asset a
        WHERE a.purged_at IS NOT NULL
          AND (
              EXISTS (SELECT FROM library_assettag t WHERE t.asset_id = a.id)
              OR EXISTS (SELECT FROM library_collectionitem i WHERE i.asset_id = a.id)
              OR EXISTS (SELECT FROM library_favourite f WHERE f.asset_id = a.id)
              OR EXISTS (SELECT FROM library_collection c WHERE c.cover_id = a.id)
          )
        """,
    ),
    Invariant(
        "library.collections_nest_once",
        """
        SELECT 'collection ' || c.id FROM library_collection c JOIN library_collection p ON p.id = c.parent_id
        WHERE p.parent_id IS NOT NULL
        """,
    ),
    Invariant(
        "isolation.filing_is_of_the_assets_team",
        """
        SELECT 'asset tag ' || f.id FROM library_assettag f
        JOIN library_asset a ON a.id = f.asset_id JOIN library_tag t ON t.id = f.tag_id WHERE t.team_id <> a.team_id
        UNION ALL
        SELECT 'collection item ' || i.id FROM library_collectionitem i
        JOIN library_asset a ON a.id = i.asset_id JOIN library_collection c ON c.id = i.collection_id
        WHERE c.team_id <> a.team_id
        UNION ALL
        SELECT 'collection ' || c.id FROM library_collection c
        LEFT JOIN library_collection p ON p.id = c.parent_id LEFT JOIN library_asset a ON a.id = c.cover_id
        WHERE p.team_id <> c.team_id OR a.team_id <> c.team_id
        UNION ALL
        SELECT 'bulk item ' || i.id FROM library_bulkitem i
        JOIN library_asset a ON a.id = i.asset_id JOIN library_bulkact b ON b.id = i.bulk_id
        WHERE b.team_id <> a.team_id
        """,
    ),
    Invariant(
        "library.finished_bulk_act_left_nothing",
        """
        SELECT 'bulk act ' || b.id FROM library_bulkact b
        WHERE b.state = 'done'
          AND (
              b.done <> b.total
              OR EXISTS (SELECT 1 FROM library_bulkitem i WHERE i.bulk_id = b.id AND i.before IS NULL)
          )
        """,
    ),
)
