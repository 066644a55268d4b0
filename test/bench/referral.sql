-- A forest, and the same kept in other ways: what referrals are compared with.

CREATE TABLE forest (id bigint PRIMARY KEY, sponsor bigint);
CREATE TABLE adjacency (id bigint PRIMARY KEY, sponsor bigint);
CREATE INDEX ON adjacency (sponsor, id);
CREATE TABLE path_array (id bigint PRIMARY KEY, path bigint[] NOT NULL);
CREATE INDEX path_array_gin ON path_array USING gin (path);
CREATE TABLE closure (ancestor bigint, descendant bigint, steps integer, PRIMARY KEY (descendant, ancestor));
CREATE INDEX closure_down ON closure (ancestor, descendant);
CREATE TABLE referral_twin (LIKE community.referral, PRIMARY KEY (program_id, member_id));
CREATE INDEX ON referral_twin (program_id, sponsor_id);
CREATE INDEX ON referral_twin (program_id, anchor) WHERE anchor IS NOT NULL;
CREATE SEQUENCE referral_member;
CREATE TABLE referral_sample (kind text, member bigint);

-- Preferential attachment: the first 100 and a hundredth of the others are roots; half of the
-- others come by the sponsor of somebody earlier, half by anybody earlier.  The last ones are a chain.
CREATE FUNCTION make_forest(n integer, chain integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	sponsors integer[] := array_fill(NULL::integer, ARRAY[n]);
	one integer;
BEGIN
	TRUNCATE forest;
	PERFORM setseed(0.5);
	FOR i IN 101..n - chain LOOP
		CONTINUE WHEN random() < 0.01;
		one := NULL;
		IF random() < 0.5 THEN
			one := sponsors[1 + floor(random() * (i - 1))::integer];
		END IF;
		sponsors[i] := coalesce(one, 1 + floor(random() * (i - 1))::integer);
	END LOOP;
	FOR i IN n - chain + 2..n LOOP
		sponsors[i] := i - 1;
	END LOOP;
	INSERT INTO forest SELECT i, s FROM unnest(sponsors) WITH ORDINALITY AS u (s, i);
END
$$;

-- Members, and those of them up to "last" in the forest.
CREATE FUNCTION referral_load(members bigint, last bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM start_over(members);
	SET LOCAL session_replication_role = replica;
	TRUNCATE community.referral, community.referral_move, community.referral_forest,
		community.referral_label, referral_twin;
	-- depths are known to be no greater; chains are
	INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth)
	SELECT community.current_program(), f.id, f.sponsor, f.sponsor, now() - interval '1 year', 0
	FROM forest AS f WHERE f.sponsor IS NOT NULL AND f.id <= last ORDER BY f.id;
	INSERT INTO community.referral_setting (program_id, maximum_depth)
	VALUES (community.current_program(), 1000000)
	ON CONFLICT (program_id) DO UPDATE SET maximum_depth = excluded.maximum_depth;
	PERFORM setval('referral_member', greatest(members, 1) + 1000000);
END
$$;
CREATE PROCEDURE referral_label() LANGUAGE plpgsql AS $$
BEGIN
	WHILE (SELECT labelled IS NULL FROM community.relabel_referrals()) LOOP
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$;
-- The others sign up: each member is new to the transaction, as by enroll(member, sponsor).
CREATE FUNCTION referral_sign_up(after bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	DELETE FROM community.engagement WHERE member_id > after;
	DELETE FROM community.member WHERE member_id > after;
	SET LOCAL session_replication_role = origin;
	RETURN (SELECT count(community.enroll(f.id, f.sponsor))
		FROM (SELECT * FROM forest WHERE id > after ORDER BY id) AS f);
END
$$;

-- The others' tables, level by level.
CREATE FUNCTION fill_peers(with_closure boolean, with_ltree boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	added bigint;
	level integer := 0;
BEGIN
	TRUNCATE adjacency, path_array, closure;
	INSERT INTO adjacency SELECT * FROM forest;
	ANALYZE adjacency;
	SET LOCAL enable_hashjoin = off;
	SET LOCAL enable_mergejoin = off;
	CREATE TEMPORARY TABLE level_now (id bigint, path bigint[]) ON COMMIT DROP;
	CREATE TEMPORARY TABLE level_next (id bigint, path bigint[]) ON COMMIT DROP;
	INSERT INTO level_now SELECT id, ARRAY[]::bigint[] FROM adjacency WHERE sponsor IS NULL;
	LOOP
		INSERT INTO path_array SELECT * FROM level_now;
		INSERT INTO closure SELECT u.a, n.id, cardinality(n.path) - u.place::integer + 1
		FROM level_now AS n, unnest(n.path) WITH ORDINALITY AS u (a, place) WHERE with_closure
		UNION ALL SELECT n.id, n.id, 0 FROM level_now AS n WHERE with_closure;
		TRUNCATE level_next;
		INSERT INTO level_next SELECT a.id, n.path || n.id FROM level_now AS n JOIN adjacency AS a ON a.sponsor = n.id;
		GET DIAGNOSTICS added = ROW_COUNT;
		EXIT WHEN added = 0;
		TRUNCATE level_now;
		INSERT INTO level_now SELECT * FROM level_next;
	END LOOP;
	DROP TABLE IF EXISTS path_ltree;
	IF with_ltree THEN
		CREATE EXTENSION IF NOT EXISTS ltree;
		CREATE TABLE path_ltree (id bigint PRIMARY KEY, path ltree NOT NULL);
		INSERT INTO path_ltree SELECT id, array_to_string(path || id, '.')::ltree FROM path_array;
		CREATE INDEX path_ltree_gist ON path_ltree USING gist (path);
	END IF;
END
$$;

-- Rows of the shape of downline_sizes(), as many, and nothing worked out for them.
CREATE FUNCTION as_many_rows() RETURNS TABLE (member_id bigint, sponsor_id bigint, root_id bigint, depth integer,
	invitees integer, downline integer, levels integer, reached boolean) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT f.id, f.sponsor, f.id, 1, 1, 1, 1, true FROM forest AS f;
END
$$;

-- Members far down, and those with most below.
CREATE FUNCTION draw_samples(wanted integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE referral_sample;
	INSERT INTO referral_sample SELECT 'deep', member_id FROM community.downline_sizes() AS s
	WHERE s.depth >= 10 AND s.depth < 50 ORDER BY hashint8(s.member_id) LIMIT wanted;
	INSERT INTO referral_sample SELECT 'large', member_id FROM community.downline_sizes() AS s
	JOIN community.referral AS r USING (member_id)
	WHERE r.anchor IS NULL AND s.depth < 50 ORDER BY s.downline DESC LIMIT 100;
	INSERT INTO referral_sample SELECT 'moved', s.member_id FROM community.downline_sizes() AS s, forest AS f
	WHERE f.id = s.member_id AND f.sponsor IS NOT NULL
	ORDER BY abs(s.downline - (SELECT count(*) / 100 FROM forest)), s.member_id LIMIT 1;
END
$$;

-- The upline of ten, again and again; nothing is what the loop itself takes.
CREATE FUNCTION loop_upline(side text, times integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	one bigint;
	program bigint := community.current_program();
	members bigint[] := ARRAY(SELECT member FROM referral_sample WHERE kind = 'deep');
	sum bigint := 0;
	c bigint;
BEGIN
	FOR i IN 1..times LOOP
		FOREACH one IN ARRAY members LOOP
			CASE side
				WHEN 'ours' THEN
					SELECT count(*) INTO c FROM community.upline(one, 10, NULL, program);
				WHEN 'array' THEN
					SELECT count(*) INTO c FROM (SELECT unnest(path[cardinality(path) - 9:])
						FROM path_array WHERE id = one) AS u;
				WHEN 'closure' THEN
					SELECT count(*) INTO c FROM closure WHERE descendant = one AND steps BETWEEN 1 AND 10;
				WHEN 'cte' THEN
					WITH RECURSIVE up (id, n) AS (SELECT sponsor, 1 FROM adjacency WHERE id = one
						UNION ALL SELECT a.sponsor, n + 1 FROM up JOIN adjacency AS a ON a.id = up.id WHERE n < 10)
					SELECT count(id) INTO c FROM up;
				ELSE
					SELECT 10 INTO c;
			END CASE;
			sum := sum + c;
		END LOOP;
	END LOOP;
	RETURN sum / times;
END
$$;

-- The median time of a count, in microseconds, and the sum of all of them.
CREATE FUNCTION time_counts(side text, times integer, OUT median float8, OUT total bigint) LANGUAGE plpgsql AS $$
DECLARE
	one bigint;
	program bigint := community.current_program();
	members bigint[] := ARRAY(SELECT member FROM referral_sample WHERE kind = 'large');
	took float8[] := '{}';
	since timestamptz;
	c bigint;
BEGIN
	FOR i IN 0..times LOOP
		total := 0;
		FOREACH one IN ARRAY members LOOP
			since := clock_timestamp();
			CASE side
				WHEN 'ours' THEN SELECT community.downline_count(one, NULL, program) INTO c;
				WHEN 'array' THEN SELECT count(*) INTO c FROM path_array WHERE path @> ARRAY[one];
				WHEN 'ltree' THEN SELECT count(*) - 1 INTO c FROM path_ltree
					WHERE path <@ (SELECT p.path FROM path_ltree AS p WHERE p.id = one);
				WHEN 'closure' THEN SELECT count(*) - 1 INTO c FROM closure WHERE ancestor = one;
				WHEN 'cte' THEN
					WITH RECURSIVE down (id) AS (SELECT id FROM adjacency WHERE sponsor = one
						UNION ALL SELECT a.id FROM down JOIN adjacency AS a ON a.sponsor = down.id)
					SELECT count(*) INTO c FROM down;
			END CASE;
			-- the first round warms up
			IF i > 0 THEN
				took := took || extract(epoch FROM clock_timestamp() - since)::float8 * 1e6;
			END IF;
			total := total + c;
		END LOOP;
	END LOOP;
	SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) INTO median FROM unnest(took) AS t;
END
$$;

-- Signups, all in one transaction, so that it is the work itself that is measured.
CREATE FUNCTION loop_signup(side text, times integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	program bigint := community.current_program();
	members bigint := (SELECT count(*) FROM forest);
	one bigint;
	sponsor bigint;
BEGIN
	FOR i IN 1..times LOOP
		one := nextval('referral_member');
		sponsor := 1 + (hashint8(one) & 2147483647)::bigint % members;
		CASE side
			WHEN 'bound' THEN PERFORM community.enroll(one, sponsor, program => program);
			WHEN 'alone' THEN PERFORM community.enroll(one, program => program);
			WHEN 'raw' THEN
				PERFORM community.enroll(one, program => program);
				INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at)
				VALUES (program, one, sponsor, sponsor, now());
			ELSE INSERT INTO referral_twin VALUES (program, one, sponsor, sponsor, now(), 5, NULL, sponsor);
		END CASE;
	END LOOP;
END
$$;

-- A subtree there and back; the median of the moves, in microseconds.
CREATE FUNCTION time_moves(side text, times integer) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	one bigint := (SELECT member FROM referral_sample WHERE kind = 'moved');
	home bigint := (SELECT sponsor FROM forest WHERE id = one);
	root bigint := (SELECT path[1] FROM path_array WHERE id = one);
	away bigint := (SELECT min(id) FROM forest WHERE sponsor IS NULL AND id <> root);
	target bigint;
	old bigint[];
	new bigint[];
	since timestamptz;
	took float8[] := '{}';
BEGIN
	FOR i IN 1..2 * times LOOP
		target := CASE WHEN i % 2 = 1 THEN away ELSE home END;
		since := clock_timestamp();
		CASE side
			WHEN 'ours' THEN PERFORM community.reparent(one, target, 'bench');
			WHEN 'array' THEN
				SELECT path INTO old FROM path_array WHERE id = one;
				SELECT path || id INTO new FROM path_array WHERE id = target;
				UPDATE path_array SET path = new || path[cardinality(old) + 1:] WHERE id = one OR path @> ARRAY[one];
			WHEN 'closure' THEN
				DELETE FROM closure AS c USING closure AS below, closure AS above
				WHERE below.ancestor = one AND above.descendant = one AND above.steps > 0
					AND c.descendant = below.descendant AND c.ancestor = above.ancestor;
				INSERT INTO closure SELECT above.ancestor, below.descendant, above.steps + below.steps + 1
				FROM closure AS above, closure AS below WHERE above.descendant = target AND below.ancestor = one;
		END CASE;
		took := took || extract(epoch FROM clock_timestamp() - since)::float8 * 1e6;
	END LOOP;
	RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(took) AS t);
END
$$;

-- Bytes for each member.
CREATE FUNCTION referral_bytes() RETURNS TABLE (what text, bytes float8) LANGUAGE sql AS $$
	SELECT w, pg_relation_size(r::regclass)::float8 / (SELECT count(*) FROM forest)
	FROM (VALUES ('rows', 'community.referral'), ('key', 'community.referral_pkey'),
		('sponsors', 'community.referral_sponsor_idx'), ('anchors', 'community.referral_anchor_idx')) AS v (w, r)
	UNION ALL
	SELECT w, pg_total_relation_size(r::regclass)::float8 / (SELECT count(*) FROM forest)
	FROM (VALUES ('labels', 'community.referral_label'), ('all_adjacency', 'adjacency'),
		('all_array', 'path_array'), ('all_closure', 'closure')) AS v (w, r)
$$;
