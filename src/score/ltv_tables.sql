
	-- ------------------------------------------------- score: lifetime value

	IF to_regclass('community.ltv_fit') IS NULL THEN
		CREATE TABLE community.ltv_fit (
			program_id bigint NOT NULL,
			fit_id bigint NOT NULL DEFAULT community.next_id(),
			model text NOT NULL,
			estimates float8[] NOT NULL,
			log_likelihood float8 NOT NULL,
			iterations integer NOT NULL,
			customers bigint NOT NULL,
			distinct_rows bigint NOT NULL,
			status text NOT NULL,
			ratio float8,
			data_during tstzrange,
			fitted_at timestamptz NOT NULL,
			version text NOT NULL,
			CONSTRAINT ltv_fit_pkey PRIMARY KEY (program_id, fit_id),
			CONSTRAINT ltv_fit_model_check
				CHECK (model IN ('bg_nbd', 'mbg_nbd', 'pareto_nbd', 'gamma_gamma')),
			CONSTRAINT ltv_fit_estimates_check
				CHECK (array_ndims(estimates) = 1 AND array_position(estimates, NULL) IS NULL
					AND cardinality(estimates) = CASE model WHEN 'gamma_gamma' THEN 3 ELSE 4 END
					AND 0 < ALL (estimates) AND 'Infinity' > ALL (estimates)),
			CONSTRAINT ltv_fit_status_check CHECK (status IN ('converged', 'boundary')),
			CONSTRAINT ltv_fit_fitted_at_check CHECK (isfinite(fitted_at))
		);
		CREATE INDEX ltv_fit_newest_idx ON community.ltv_fit
			(program_id, model, fitted_at DESC, fit_id DESC);
		COMMENT ON TABLE community.ltv_fit IS 'fits of models of lifetime value; see keep_ltv_fit() and newest_ltv_fit()';
		COMMENT ON COLUMN community.ltv_fit.program_id IS 'the program';
		COMMENT ON COLUMN community.ltv_fit.fit_id IS 'the fit';
		COMMENT ON COLUMN community.ltv_fit.model IS 'bg_nbd, mbg_nbd, pareto_nbd or gamma_gamma';
		COMMENT ON COLUMN community.ltv_fit.estimates IS 'the parameters in the order of ltv_parameters(): r, alpha, a, b; r, alpha, s, beta; or p, q, gamma';
		COMMENT ON COLUMN community.ltv_fit.log_likelihood IS 'natural logarithm of the likelihood';
		COMMENT ON COLUMN community.ltv_fit.iterations IS 'steps of the search';
		COMMENT ON COLUMN community.ltv_fit.customers IS 'customers that it was fitted to';
		COMMENT ON COLUMN community.ltv_fit.distinct_rows IS 'different histories among them';
		COMMENT ON COLUMN community.ltv_fit.status IS 'converged, or boundary when some parameters have no finite maximum';
		COMMENT ON COLUMN community.ltv_fit.ratio IS 'a/(a+b), s/beta or the mean spend p*gamma/(q-1)';
		COMMENT ON COLUMN community.ltv_fit.data_during IS 'the range of time that the data are from; null when not told';
		COMMENT ON COLUMN community.ltv_fit.fitted_at IS 'when it was fitted';
		COMMENT ON COLUMN community.ltv_fit.version IS 'version of the extension that fitted it';
	END IF;
