import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { TextLineStream } from "@std/streams/text-line-stream";
import type { Canal } from "../../lib/canal.ts";
import {
  abrirElo,
  type AvisosDoElo,
  falha,
  falhaDefinitiva,
  PULSO_MS,
  PULSOS_MUDOS_MAX,
} from "../../lib/pedidos.ts";
import { DE_VERDADE, RELOGIO_MS, type Tempo } from "../../lib/tempo.ts";
import { ate } from "../apoio.ts";

/** O que estes testes trocam: um texto, e o id de quem pergunta. */
interface Recado {
  readonly id?: number | undefined;
  readonly texto: string;
}

/** Um canal sem rede: o teste diz o que chega, e vê o que saiu. */
function canalFalso() {
  const chegados: (string | null | Error)[] = [];
  let acordar: (() => void) | undefined;
  const lado = { transport: "tcp" as const, hostname: "127.0.0.1", port: 1 };
  const visto = { saiu: "", fechado: 0 };
  const canal: Canal = {
    async read(buffer) {
      while (chegados.length === 0) await new Promise<void>((resolver) => acordar = resolver);
      const chegado = chegados.shift()!;
      if (chegado === null) return null;
      if (chegado instanceof Error) throw chegado;
      return new TextEncoder().encodeInto(chegado, buffer).written;
    },
    write(bytes) {
      visto.saiu += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
    closeWrite: () => Promise.resolve(),
    close: () => void visto.fechado++,
    localAddr: lado,
    remoteAddr: lado,
  };
  const chegar = (...partes: (string | null | Error)[]) => {
    chegados.push(...partes);
    acordar?.();
  };
  return { canal, visto, chegar };
}

/** Um relógio que só anda quando o teste o manda. */
function relogio(): Tempo & { andar(ms: number): void; readonly marcados: number } {
  let agora = 0;
  const marcados = new Set<{ quando: number; fazer: () => void }>();
  return {
    ...DE_VERDADE,
    agora: () => agora,
    /** Quantos temporizadores há. */
    get marcados() {
      return marcados.size;
    },
    depois(ms, fazer) {
      const marcado = { quando: agora + ms, fazer };
      marcados.add(marcado);
      return () => void marcados.delete(marcado);
    },
    andar(ms) {
      const fim = agora + ms;
      for (;;) {
        const [proximo] = [...marcados].sort((a, b) => a.quando - b.quando);
        if (!proximo || proximo.quando > fim) break;
        marcados.delete(proximo);
        agora = proximo.quando;
        proximo.fazer();
      }
      agora = fim;
    },
  };
}

/** Um elo por um canal sem rede, e o que ele avisou. */
function abrir() {
  const rede = canalFalso();
  const tempo = relogio();
  const perdas: string[] = [];
  const recebidos: Recado[] = [];
  const avisos: AvisosDoElo<Recado> = {
    aoPerder: (motivo) => perdas.push(motivo),
    aoReceber: (recado) => recebidos.push(recado),
  };
  const elo = abrirElo<Recado>(rede.canal, "vizinho", {
    ...avisos,
    tempo,
    separador: new TextLineStream(),
    linhaBytesMax: 100,
    ler: (linha, entregar) => [JSON.parse(linha)].flat().forEach(entregar),
    escrever: (recado) => JSON.stringify(recado),
    pulso: "pulso",
  });
  return { elo, tempo, perdas, recebidos, ...rede };
}

const linha = (...recados: Recado[]) => JSON.stringify(recados) + "\n";

/** A próxima volta do laço de eventos, depois de cumpridas todas as promessas. */
const proximaVolta = () => new Promise((resolver) => setImmediate(resolver));

Deno.test("Elo.pedir() dá um id a cada pedido, e a cada resposta quem a espera, em qualquer ordem", async () => {
  const { elo, visto, chegar, recebidos } = abrir();
  const respostas = Promise.all(["a", "b", "c"].map((texto) => elo.pedir({ texto })));
  await ate(() => visto.saiu, "os pedidos saírem");
  assertEquals(JSON.parse(visto.saiu), [
    { texto: "a", id: 1 },
    { texto: "b", id: 2 },
    { texto: "c", id: 3 },
  ]);
  chegar(linha({ id: 3, texto: "C" }, { texto: "sem id" }), linha({ id: 1, texto: "A" }));
  // Uma resposta repetida, ou a um id que ninguém pediu, não tem quem a espere.
  chegar(linha({ id: 1, texto: "?" }, { id: 99, texto: "?" }, { id: 2, texto: "B" }));
  assertEquals((await respostas).map(({ texto }) => texto), ["A", "B", "C"]);
  assertEquals(recebidos, [{ texto: "sem id" }]);
  elo.fechar("fim");
});

Deno.test("Elo perdido: todos os que esperam falham, sem certeza; quem pedir depois, com ela", async () => {
  const casos: [string | null | Error, RegExp][] = [
    [null, /^Conexão encerrada por vizinho$/],
    [new Deno.errors.ConnectionReset("caiu"), /^Conexão perdida com vizinho: conexão derrubada$/],
    ["isto não é JSON\n", /^Conexão perdida com vizinho: .*JSON/],
    ["x".repeat(101) + "\n", /^Conexão perdida com vizinho: Linha recusada: .*o limite é 100$/],
  ];
  for (const [chegado, motivo] of casos) {
    const { elo, visto, perdas, chegar } = abrir();
    const esperas = ["a", "b"].map((texto) => assertRejects(() => elo.pedir({ texto }), Error));
    chegar(linha({ texto: "bom" }), chegado);
    for (const erro of await Promise.all(esperas)) {
      assertMatch(erro.message, motivo);
      assert(!falhaDefinitiva(erro), "um pedido que saiu pode ter acontecido");
    }
    const depois = await assertRejects(() => elo.pedir({ texto: "c" }), Error);
    assertMatch(depois.message, motivo);
    assert(falhaDefinitiva(depois));
    assertEquals([perdas.length, visto.fechado, elo.perdido], [1, 1, true]);
  }
});

Deno.test("Elo que fala em claro com quem fala TLS: é certo que nenhum pedido aconteceu", async () => {
  const { elo, chegar } = abrir();
  const espera = assertRejects(() => elo.pedir({ texto: "a" }), Error, "um lado usa TLS");
  chegar("\x15\x03\x01\x00\x02");
  assert(falhaDefinitiva(await espera));
});

Deno.test("Elo.pedir() com prazo falha quando ele acaba, e a resposta tardia não incomoda", async () => {
  const { elo, tempo, chegar, recebidos } = abrir();
  const curto = assertRejects(
    () => elo.pedir({ texto: "curto" }, 100),
    Error,
    "Sem resposta de vizinho em 100 ms",
  );
  const longo = elo.pedir({ texto: "longo" }, 60_000);
  const semPrazo = elo.pedir({ texto: "sem prazo" });
  tempo.andar(99);
  const quemAcabou = () => Promise.race([curto, proximaVolta().then(() => "ninguém")]);
  assertEquals(await quemAcabou(), "ninguém");
  // O prazo verifica-se de tantos em tantos milissegundos.
  tempo.andar(1 + RELOGIO_MS);
  const erro = await quemAcabou();
  assert(erro instanceof Error && !falhaDefinitiva(erro));
  chegar(linha({ id: 1, texto: "tarde" }, { id: 2, texto: "a tempo" }));
  assertEquals((await longo).texto, "a tempo");
  tempo.andar(1_000_000);
  chegar(linha({ id: 3, texto: "enfim" }));
  assertEquals([(await semPrazo).texto, recebidos, elo.perdido], ["enfim", [], false]);
  const nunca = assertRejects(() => elo.pedir({ texto: "nunca" }, 10), Error, "Sem resposta");
  tempo.andar(2 * RELOGIO_MS);
  await nunca;
  assertEquals(tempo.marcados, 0, "sem ninguém à espera, o relógio para");
  elo.fechar("fim");
});

Deno.test("Elo.vigiar() dá um sinal de vida por pulso, e só fecha quando o outro lado emudece", async () => {
  const { elo, tempo, visto, perdas, chegar } = abrir();
  tempo.andar(10 * PULSO_MS);
  assertEquals([visto.saiu, perdas], ["", []], "sem vigiar não há pulsos");
  elo.vigiar();
  const pulsar = async (vezes: number) => {
    for (let n = 0; n < vezes; n++) {
      tempo.andar(PULSO_MS);
      await proximaVolta();
    }
  };
  // Um byte qualquer, mesmo a meio de uma linha, é sinal de vida: a conta recomeça.
  await pulsar(PULSOS_MUDOS_MAX);
  chegar(" ");
  await proximaVolta();
  await pulsar(PULSOS_MUDOS_MAX + 1);
  assertEquals([visto.saiu, perdas], ["pulso\n".repeat(2 * PULSOS_MUDOS_MAX + 1), []]);
  await pulsar(1);
  assertEquals(perdas.length, 1);
  assertMatch(perdas[0]!, /vizinho não responde$/);
  assertEquals([elo.perdido, visto.fechado, tempo.marcados], [true, 1, 0]);
});

Deno.test("Elo.fechar() faz falhar quem espera, pelo motivo dado; de novo, nada faz", async () => {
  const { elo, visto, perdas, tempo } = abrir();
  elo.vigiar();
  const espera = assertRejects(() => elo.pedir({ texto: "a" }, 100), Error, "já chega");
  elo.fechar("já chega");
  elo.fechar("outra vez");
  assert(!falhaDefinitiva(await espera));
  elo.vigiar();
  assertEquals([perdas, visto.fechado, elo.perdido], [["já chega"], 1, true]);
  assertEquals(tempo.marcados, 0, "ficou um temporizador de um elo fechado");
});

Deno.test("falhaDefinitiva() só com a certeza dita; de outro erro, ou do que não é um, não", () => {
  assert(falhaDefinitiva(falha("não saiu", { definitivo: true })));
  assert(!falhaDefinitiva(falha("saiu", { definitivo: false })));
  for (const outro of [new Error("x"), new Error("x", { cause: 1 }), "x", undefined, null]) {
    assert(!falhaDefinitiva(outro));
  }
});
