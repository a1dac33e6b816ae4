import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  type Corpo,
  KEY_BYTES_MAX,
  LINHA_BYTES_MAX,
  LINHA_DE_SERVIDOR_BYTES_MAX,
  Mensagem,
  VERSAO,
} from "../mensagem.ts";
import { texto, utf8, verificar } from "./apoio/propriedades.ts";

const inteiro = fc.maxSafeNat();
const key = fc.string({ unit: "binary", minLength: 1, maxLength: KEY_BYTES_MAX / 4 });
const hexadecimal = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes.toHex());
const historia = fc.array(fc.record({ id: hexadecimal, apos: inteiro }), {
  minLength: 1,
  maxLength: 5,
});
const registro = { key, value: texto, timestamp: inteiro };

/** Um arbitrário para cada tipo de mensagem. */
const CORPOS: { readonly [T in Corpo["tipo"]]: fc.Arbitrary<object> } = {
  PUT: fc.record({ key, value: texto }),
  PUT_OK: fc.record({ key, timestamp: inteiro }),
  GET: fc.record({ key, timestamp: inteiro }),
  GET_OK: fc.record({ key, value: fc.option(texto), timestamp: inteiro }),
  TRY_OTHER_SERVER_OR_LATER: fc.record({ key, timestamp: inteiro }),
  ERRO: fc.record({ erro: texto, definitivo: fc.boolean() }),
  AUTH: fc.record({ desafio: hexadecimal }),
  AUTH_CHALLENGE: fc.record({ desafio: hexadecimal, prova: hexadecimal }),
  AUTH_PROOF: fc.record({ prova: hexadecimal }),
  AUTH_OK: fc.record({}),
  JOIN: fc.record({ endereco: texto, token: texto, protocolo: inteiro }),
  JOIN_OK: fc.constant({}),
  FORWARD: fc.record({ key, value: texto, origem: fc.ipV4(), prazo: inteiro }),
  LEADER: fc.record({ token: texto, protocolo: inteiro }),
  LEADER_OK: fc.record({ timestamp: inteiro, reserva: inteiro, historia }),
  FETCH: fc.record({ timestamp: inteiro }),
  FETCH_OK: fc.record({ timestamp: inteiro }),
  ENTRY: fc.record(registro),
  SYNC: fc.oneof(
    fc.record({ timestamp: inteiro, reserva: inteiro }),
    fc.record({ timestamp: inteiro, reserva: inteiro, historia, descartar: inteiro }),
  ),
  SYNC_OK: fc.record({ timestamp: inteiro }),
  REPLICATION: fc.record(registro),
  REPLICATION_OK: fc.record({ timestamp: inteiro }),
  PULSE: fc.constant({}),
  PULSE_OK: fc.constant({}),
};

const corpo = fc.oneof(
  ...Object.entries(CORPOS).map(([tipo, campos]) =>
    fc.tuple(fc.option(inteiro, { nil: undefined }), campos)
      .map(([id, outros]) => ({ tipo, id, ...outros }) as Corpo)
  ),
);

Deno.test("VERSAO é a de deno.json, e a primeira de CHANGELOG.md", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  assertEquals(VERSAO, version);
  const mudancas = await Deno.readTextFile(new URL("../CHANGELOG.md", import.meta.url));
  assertEquals(/^## (\S+)/m.exec(mudancas)?.[1], version);
});

Deno.test("Mensagem de qualquer tipo sobrevive à linha, sozinha e em lote", async () => {
  await verificar(fc.array(corpo, { minLength: 1, maxLength: 5 }), (corpos) => {
    const linhas = corpos.map((corpo) => new Mensagem(corpo).linha());
    for (const linha of [...linhas, `[${linhas.join(",")}]`]) assert(!/[\r\n]/.test(linha));
    const lidas = Mensagem.abrir(`[${linhas.join(",")}]`);
    assertEquals(lidas.emLote, true);
    assertEquals(lidas.itens.map((item) => Mensagem.ler(item).corpo), corpos);
    assertEquals(Mensagem.ler(Mensagem.abrir(linhas[0]!).itens[0]).corpo, corpos[0]);
  });
});

Deno.test("Mensagem.abrir() recusa toda linha que não é JSON", async () => {
  const naoJson = fc.string({ unit: "binary" }).filter((linha) => {
    try {
      JSON.parse(linha);
      return false;
    } catch {
      return true;
    }
  });
  await verificar(naoJson, (linha) => {
    assertThrows(() => Mensagem.abrir(linha), SyntaxError, "Linha recusada");
  });
});

Deno.test("Mensagem.ler() recusa todo JSON que não é uma Mensagem", async () => {
  const semTipo = fc.jsonValue().filter((valor) =>
    !(valor && typeof valor === "object" && !Array.isArray(valor) &&
      Object.hasOwn(CORPOS, String((valor as { tipo?: unknown }).tipo)))
  );
  await verificar(semTipo, (valor) => {
    assertThrows(() => Mensagem.ler(valor), TypeError, "Mensagem recusada");
  });
});

Deno.test("Mensagem.ler() recusa a falta ou a troca de qualquer campo obrigatório", async () => {
  const outroTipo = fc.constantFrom<unknown>(true, 1.5, -1, 2 ** 53, [], {}, "\ud800");
  await verificar(fc.tuple(corpo, fc.nat(), outroTipo), ([valido, sorteio, errado]) => {
    const livres = ["tipo", "id", "definitivo"];
    if (valido.tipo === "GET") livres.push("timestamp");
    if (valido.tipo === "LEADER_OK") livres.push("historia");
    if (valido.tipo === "SYNC") livres.push("historia", "descartar");
    if (valido.tipo === "JOIN" || valido.tipo === "LEADER") livres.push("protocolo");
    const campos = Object.keys(valido).filter((campo) => !livres.includes(campo));
    const campo = campos[sorteio % Math.max(1, campos.length)];
    if (campo === undefined) return;
    const { [campo]: _, ...sem } = valido as unknown as Record<string, unknown>;
    assertThrows(() => Mensagem.ler(sem), TypeError, campo);
    assertThrows(() => Mensagem.ler({ ...sem, [campo]: errado }), TypeError, campo);
    assertThrows(() => Mensagem.ler({ ...valido, id: -1 }), TypeError, "id");
  });
});

Deno.test("Mensagem.ler() conta os bytes UTF-8 da key, nos dois lados do limite", () => {
  for (const letra of ["a", "é", "€", "😀"]) {
    const bytes = utf8(letra).length;
    const cabe = letra.repeat(Math.floor(KEY_BYTES_MAX / bytes));
    assertEquals(Mensagem.ler({ tipo: "GET", key: cabe }).corpo.tipo, "GET");
    const passa = cabe + "a".repeat(KEY_BYTES_MAX - bytes * (cabe.length / letra.length) + 1);
    assertThrows(
      () => Mensagem.ler({ tipo: "GET", key: passa }),
      RangeError,
      `${KEY_BYTES_MAX + 1} bytes, o limite é ${KEY_BYTES_MAX}`,
    );
  }
  assertThrows(() => Mensagem.ler({ tipo: "PUT", key: "", value: "v" }), TypeError, "vazia");
});

Deno.test("Mensagem.ler() dá timestamp 0 a um GET sem timestamp e ignora campos a mais", () => {
  const { corpo } = Mensagem.ler(JSON.parse('{"tipo":"GET","id":7,"key":"k","value":1,"x":[]}'));
  assertEquals(corpo, { tipo: "GET", id: 7, key: "k", timestamp: 0 });
});

Deno.test("Mensagem.ler() não deixa a origem de um FORWARD forjar uma linha da console", () => {
  const forward = { tipo: "FORWARD", id: 1, key: "k", value: "v", prazo: 1 };
  for (const origem of ["x\nREPLICATION key:a", "\x1b[2J", "", "1.2.3.4:5 PUT key:a"]) {
    assertThrows(() => Mensagem.ler({ ...forward, origem }), TypeError, "origem");
  }
  for (const origem of ["1.2.3.4:5", "[fe80::1%2]:5"]) Mensagem.ler({ ...forward, origem });
});

Deno.test("Mensagem.idDe() acha o id do que não é uma Mensagem, ou nada", () => {
  assertEquals(Mensagem.idDe({ id: 3, tipo: "?" }), 3);
  for (
    const item of [null, 1, "a", [], {}, { id: -1 }, { id: 1.5 }, { id: "1" }, { id: 2 ** 53 }]
  ) {
    assertEquals(Mensagem.idDe(item), undefined);
  }
});

Deno.test("Mensagem: __proto__, constructor e afins não passam por tipo nem por campo", () => {
  for (const tipo of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    assertThrows(() => Mensagem.ler(JSON.parse(`{"tipo":"${tipo}"}`)), TypeError, "desconhecido");
  }
  const disfarce = JSON.parse('{"__proto__":{"tipo":"PUT","key":"k","value":"v"},"id":1}');
  assertThrows(() => Mensagem.ler(disfarce), TypeError, "desconhecido");
});

Deno.test("Mensagem: o PUT de uma linha no limite cabe, replicado, no limite entre servidores", () => {
  const vazio = new Mensagem({ tipo: "PUT", id: 1, key: "k", value: "" }).linha().length;
  for (const caractere of ["a", '\\"', "\\n", "\\u0001", "\u007f", "\u2028", "😀"]) {
    const vezes = Math.floor((LINHA_BYTES_MAX - vazio) / utf8(caractere).length);
    const linha = `{"tipo":"PUT","id":1,"key":"k","value":"${caractere.repeat(vezes)}"}`;
    assert(utf8(linha).length <= LINHA_BYTES_MAX);
    const { corpo } = Mensagem.ler(JSON.parse(linha));
    assert(corpo.tipo === "PUT");
    const maiores = { id: Number.MAX_SAFE_INTEGER, timestamp: Number.MAX_SAFE_INTEGER };
    const origem = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    for (
      const outra of [
        { ...corpo, ...maiores, tipo: "REPLICATION" },
        { ...corpo, ...maiores, tipo: "GET_OK" },
        { ...corpo, ...maiores, tipo: "FORWARD", origem, prazo: Number.MAX_SAFE_INTEGER },
      ] as Corpo[]
    ) {
      assert(utf8(new Mensagem(outra).linha()).length <= LINHA_DE_SERVIDOR_BYTES_MAX);
    }
  }
});
