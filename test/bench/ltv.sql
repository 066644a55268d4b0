-- Histories for the fit of a model of lifetime value, and the likelihood that it
-- is compared with.  Times are in weeks: any, so that hardly two histories are
-- alike, or of whole days, as purchase_history() gives them.

CREATE FUNCTION make_histories(members bigint, whole_days boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.5);
	DROP TABLE IF EXISTS ltv_history;
	-- most have few repeats
	CREATE TABLE ltv_history AS
	SELECT x, CASE WHEN whole_days THEN ceil(t_x * 7) / 7 ELSE t_x END AS t_x,
		CASE WHEN whole_days THEN ceil(t * 7) / 7 ELSE t END AS t
	FROM (SELECT x, CASE WHEN x = 0 THEN 0 ELSE t * (1 - random() * random()) END AS t_x, t
		FROM (SELECT floor(-ln(1 - random()) * -ln(1 - random()) * 1.5)::bigint AS x,
			20 + 30 * random() AS t FROM generate_series(1, members)) AS s) AS s;
	RETURN members;
END $$;

-- One evaluation of MBG/NBD at a point by hand: gamma functions come from a
-- table by x, as there are none in SQL
CREATE FUNCTION mbg_by_hand(r float8, alpha float8, a float8, b float8)
RETURNS float8 LANGUAGE sql AS $$
	WITH constant AS MATERIALIZED (
		SELECT x, (SELECT coalesce(sum(ln(r + i)), 0) FROM generate_series(0, x - 1) AS i)
			+ (SELECT sum(ln(b + i) - ln(a + b + i)) FROM generate_series(0, x) AS i)
			+ r * ln(alpha) AS c
		FROM (SELECT DISTINCT x FROM ltv_history) AS s)
	SELECT sum(c - (r + x) * ln(alpha + t)
		+ ln(1 + a / (b + x) * power((alpha + t) / (alpha + t_x), r + x)))
	FROM ltv_history JOIN constant USING (x) $$;
