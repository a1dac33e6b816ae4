/**
 * Uma tabela de `key`, `value` e `timestamp` em disco: um arquivo SQLite, trancado contra um
 * segundo processo, com uma transação sincronizada para tudo o que estiver à espera.
 *
 * ```ts
 * import { abrirDisco } from "./disco.ts";
 *
 * const pasta = await Deno.makeTempDir();
 * const gravado = Promise.withResolvers<number>();
 * const disco = await abrirDisco(pasta, { aoGravar: gravado.resolve, aoFalhar: () => {} });
 * disco.gravar([{ key: "cor", value: "azul", timestamp: 7 }], 7);
 * if (await gravado.promise !== 7) throw new Error("confirmou outra coisa");
 * disco.fechar();
 * const outro = await abrirDisco(pasta, { aoGravar: () => {}, aoFalhar: () => {} });
 * if (outro.ler(10)[0]?.value !== "azul") throw new Error("não ficou gravado");
 * outro.fechar();
 * await Deno.remove(pasta, { recursive: true });
 * ```
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { abrirGravacao, type AvisosDoDisco, type Linha, type MedidasDoDisco } from "./gravacao.ts";
import { citar, textoDoErro } from "./texto.ts";

export type { AvisosDoDisco, Linha };

/** Nome do arquivo na pasta de dados. */
const ARQUIVO = "tabela.sqlite";

/**
 * O arquivo que se tranca, ao lado: o sistema solta a tranca se o processo morre. Enquanto a
 * tabela não existe inteira diz {@linkcode NOVA}, e depois {@linkcode FEITA}.
 */
const TRANCA = "tranca";
const NOVA = "nova";
const FEITA = "feita";

/** Marca do nosso arquivo no cabeçalho SQLite (application_id): "KVrp". */
const APLICACAO = 0x4b567270;

/** Como se lê um banco, no cabeçalho: os nossos, em WAL; uma cópia feita por VACUUM INTO, não. */
const SEM_WAL = 1;
const EM_WAL = 2;

/** Permissões da pasta e dos arquivos, onde o sistema as tem: só o dono. */
const SO_O_DONO = { pasta: 0o700, arquivo: 0o600 } as const;

/** O que se separou da tabela; ver {@linkcode Disco.recomecar}. */
export interface Separados {
  readonly quantos: number;
  /** Onde ficaram, uma linha JSON cada; `undefined`, não havia nenhum. */
  readonly arquivo: string | undefined;
}

/** A tabela em disco; ver {@linkcode abrirDisco}. */
export interface Disco {
  /** A última nota gravada; vazia, nenhuma. */
  readonly nota: string;
  /** O que um operador gostaria de saber do que se encontrou; vazio, nada. */
  readonly aviso: string;
  /** Se alguém pôs aqui a tabela, de uma cópia, e desde então ainda não se gravou uma nota. */
  readonly copia: boolean;
  /** O que já se gravou. */
  readonly medidas: MedidasDoDisco;
  /** Quantas linhas há. */
  contar(): number;
  /** As próximas linhas que já havia, em ordem de timestamp; nenhuma, acabaram. */
  ler(quantas: number): Linha[];
  /**
   * Põe linhas na fila do que se grava, e talvez uma nota, um texto que acompanha a tabela;
   * `ate` é o que se confirma quando isto, e tudo o que veio antes, estiver sincronizado.
   */
  gravar(linhas: readonly Linha[], ate: number, nota?: string): void;
  /**
   * Põe num arquivo à parte as linhas de timestamp maior que este, e esvazia a tabela; com ela, de
   * uma vez, muda a nota.
   */
  recomecar(depoisDe: number, nota: string): Separados;
  /** Grava o que está na fila, e fecha. */
  fechar(): void;
}

/**
 * Abre (ou cria) a pasta de dados, trancada contra um segundo processo. Qualquer ferramenta
 * SQLite pode ler a tabela, e copiá-la, enquanto isso.
 *
 * @throws {Error} se ela não pode ser usada; o que há nela fica como estava.
 */
export async function abrirDisco(pasta: string, avisos: AvisosDoDisco): Promise<Disco> {
  let tranca: Deno.FsFile | undefined;
  let banco: DatabaseSync | undefined;
  try {
    const { DatabaseSync } = await import("node:sqlite");
    Deno.mkdirSync(pasta, { recursive: true, mode: SO_O_DONO.pasta });
    const caminho = `${pasta}/${ARQUIVO}`;
    tranca = trancar(`${pasta}/${TRANCA}`);
    const achada = conferirPasta(pasta, tranca);
    banco = new DatabaseSync(caminho);
    const vazia = conferir(banco);
    // Antes de haver -wal e -shm, que ficam com as mesmas permissões.
    soParaODono(caminho);
    // Uma cópia que o SQLite fez (VACUUM INTO) não está em WAL: não lhe falta nada.
    preparar(banco, !vazia && (achada.semTranca || !achada.emWal));
    escreverNa(tranca, FEITA);
    const semWal = achada.semWal && achada.emWal;
    return abrirTabela(banco, { pasta, caminho, tranca, semWal, avisos });
  } catch (cause) {
    banco?.close();
    tranca?.close();
    throw new Error(`Não é possível usar a pasta ${citar(pasta)}: ${motivoDoDisco(cause)}`, {
      cause,
    });
  }
}

/** Tranca um arquivo até que seja fechado. @throws {Error} se outro processo o tem. */
function trancar(caminho: string): Deno.FsFile {
  const arquivo = Deno.openSync(caminho, {
    create: true,
    write: true,
    read: true,
    mode: SO_O_DONO.arquivo,
  });
  if (arquivo.tryLockSync(true)) return arquivo;
  arquivo.close();
  throw new Error("está em uso por outro servidor");
}

/** O que diz o arquivo da tranca. */
function lerDa(tranca: Deno.FsFile): string {
  const bytes = new Uint8Array(16);
  tranca.seekSync(0, Deno.SeekMode.Start);
  return new TextDecoder().decode(bytes.subarray(0, tranca.readSync(bytes) ?? 0));
}

function escreverNa(tranca: Deno.FsFile, texto: string): void {
  tranca.truncateSync();
  tranca.seekSync(0, Deno.SeekMode.Start);
  tranca.writeSync(new TextEncoder().encode(texto));
}

/** O que se achou numa pasta, antes de a usar. */
interface Achada {
  /** Não há um `-wal` ao lado da tabela. */
  readonly semWal: boolean;
  /** Nunca um servidor trancou esta pasta. */
  readonly semTranca: boolean;
  /** A tabela está em WAL, como um servidor a deixa. */
  readonly emWal: boolean;
}

/**
 * Distingue um primeiro começo, honesto, de uma pasta a que falta alguma coisa, ou a que sobra.
 *
 * @throws {Error} que diz o quê.
 */
function conferirPasta(pasta: string, tranca: Deno.FsFile): Achada {
  const tamanho = (nome: string) => {
    try {
      return Deno.statSync(`${pasta}/${nome}`).size;
    } catch {
      return undefined;
    }
  };
  const [tabela, wal] = [tamanho(ARQUIVO), tamanho(`${ARQUIVO}-wal`)];
  const dito = lerDa(tranca);
  const conselho = "ponha-o no lugar, ou esvazie a pasta para começar sem dados";
  if (tabela === undefined && wal !== undefined) {
    throw new Error(`há ${ARQUIVO}-wal e falta ${ARQUIVO}: ${conselho}`);
  }
  if (tabela === undefined && dito === FEITA) {
    throw new Error(`já teve uma tabela, e falta ${ARQUIVO}: ${conselho}`);
  }
  if (tabela === 0 && dito !== NOVA) throw new Error(`${ARQUIVO} tem zero bytes: ${conselho}`);
  if (tabela === undefined) escreverNa(tranca, NOVA);
  const modo = tabela === undefined ? undefined : modoDoBanco(`${pasta}/${ARQUIVO}`);
  if (modo === SEM_WAL && wal) {
    // O SQLite aplicá-lo-ia à cópia: uma mistura das duas.
    throw new Error(
      `${ARQUIVO} é uma cópia, e ${ARQUIVO}-wal é da tabela que ela substituiu: esvazie a pasta, e ` +
        "ponha nela só a cópia",
    );
  }
  return { semWal: wal === undefined, semTranca: dito === "", emWal: modo === EM_WAL };
}

/** O que diz o cabeçalho de um banco SQLite, no byte 19, de como se lê. */
function modoDoBanco(caminho: string): number | undefined {
  using arquivo = Deno.openSync(caminho);
  const bytes = new Uint8Array(20);
  return arquivo.readSync(bytes) === bytes.length ? bytes[19] : undefined;
}

/** Confere, antes de escrever nele, que o banco é novo (devolve-o) ou é um dos nossos e está inteiro. */
function conferir(banco: DatabaseSync): boolean {
  const { application_id: aplicacao } = banco.prepare("PRAGMA application_id").get()!;
  const { tabelas } = banco.prepare("SELECT count(*) AS tabelas FROM sqlite_schema").get()!;
  if (aplicacao !== APLICACAO && tabelas !== 0) {
    throw new Error(`${ARQUIVO} é um banco SQLite de outro programa`);
  }
  const { quick_check: laudo } = banco.prepare("PRAGMA quick_check(1)").get()!;
  if (laudo !== "ok") throw new Error(`${ARQUIVO} está danificado: ${laudo}`);
  return tabelas === 0;
}

/**
 * WAL: uma sincronização por transação; FULL: COMMIT só volta depois dela. A tabela é ordenada
 * por key, e não por timestamp: assim gravar mexe numa árvore só, não em duas. Que é uma cópia fica
 * dito antes de o arquivo o deixar de parecer.
 */
function preparar(banco: DatabaseSync, copia: boolean): void {
  if (copia) {
    banco.exec(`
      CREATE TABLE IF NOT EXISTS notas (nome TEXT PRIMARY KEY, texto TEXT NOT NULL) WITHOUT ROWID;
      INSERT OR REPLACE INTO notas (nome, texto) VALUES ('cópia', 'sim')`);
  }
  banco.exec(`
    PRAGMA busy_timeout = 1000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    BEGIN EXCLUSIVE;
    PRAGMA application_id = ${APLICACAO};
    CREATE TABLE IF NOT EXISTS tabela (
      key TEXT PRIMARY KEY, timestamp INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS estado (reserva INTEGER NOT NULL);
    INSERT INTO estado SELECT 0 WHERE NOT EXISTS (SELECT * FROM estado);
    CREATE TABLE IF NOT EXISTS notas (nome TEXT PRIMARY KEY, texto TEXT NOT NULL) WITHOUT ROWID;
    COMMIT`);
}

/** Tira dos outros a leitura de um arquivo, onde o sistema sabe o que isso é. */
function soParaODono(caminho: string): void {
  if (Deno.build.os !== "windows") Deno.chmodSync(caminho, SO_O_DONO.arquivo);
}

/** O que {@linkcode abrirTabela} recebe de quem a abriu. */
interface Aberta {
  readonly pasta: string;
  readonly caminho: string;
  readonly tranca: Deno.FsFile;
  readonly semWal: boolean;
  readonly avisos: AvisosDoDisco;
}

function abrirTabela(banco: DatabaseSync, aberta: Aberta): Disco {
  const { pasta, caminho, tranca, semWal, avisos } = aberta;
  const antigas = lerTabela(banco.prepare("SELECT * FROM tabela ORDER BY timestamp"));
  const gravacao = abrirGravacao(banco, {
    inserir: banco.prepare(
      "INSERT OR REPLACE INTO tabela (timestamp, key, value) VALUES (?, ?, ?)",
    ),
    anotar: banco.prepare(
      "INSERT OR REPLACE INTO notas (nome, texto) VALUES ('nota', ?), ('cópia', '')",
    ),
    paraDisco,
    conferir: conferidor(caminho),
    motivo: motivoDoDisco,
    avisos,
  });
  const notaDe = (nome: string) =>
    String(banco.prepare("SELECT texto FROM notas WHERE nome = ?").get(nome)?.texto ?? "");
  const emUso = (sim: "sim" | "") =>
    banco.prepare("INSERT OR REPLACE INTO notas (nome, texto) VALUES ('em uso', ?)").run(sim);
  const aviso = semWal && notaDe("em uso") === "sim"
    ? `${ARQUIVO} não foi fechado em ordem e não tem um ${ARQUIVO}-wal ao lado: se é uma cópia ` +
      "de arquivos, pode faltar o que se gravou por último"
    : "";
  const nota = notaDe("nota") || notaAntiga(banco);
  emUso("sim");
  // Assim o arquivo principal já diz que está em uso, ainda que o copiem sem o -wal.
  banco.exec("PRAGMA wal_checkpoint(PASSIVE)");

  return {
    nota,
    aviso,
    copia: notaDe("cópia") === "sim",
    medidas: gravacao.medidas,
    contar: () => Number(banco.prepare("SELECT count(*) AS linhas FROM tabela").get()!.linhas),
    ler(quantas) {
      const linhas: Linha[] = [];
      while (linhas.length < quantas) {
        const { value: linha, done } = antigas.next();
        if (done) break;
        linhas.push(linha);
      }
      return linhas;
    },
    gravar: gravacao.gravar,
    recomecar(depoisDe, nota) {
      gravacao.agora();
      const consulta = banco.prepare("SELECT * FROM tabela WHERE timestamp > ? ORDER BY timestamp");
      const separados = separar(pasta, lerTabela(consulta, depoisDe));
      gravacao.esvaziar("DELETE FROM tabela", nota);
      return separados;
    },
    fechar() {
      gravacao.fechar();
      try {
        emUso("");
      } catch {
        // Um disco que falha: fica dito que não se fechou em ordem, e é verdade.
      }
      banco.close();
      tranca.close();
    },
  };
}

/** A nota de um arquivo do tempo em que só se guardava uma reserva. */
function notaAntiga(banco: DatabaseSync): string {
  const { reserva } = banco.prepare("SELECT reserva FROM estado").get()!;
  return Number(reserva) > 0 ? JSON.stringify({ reserva: Number(reserva) }) : "";
}

/** Quem diz, a cada gravação, por que o arquivo no caminho já não é o que se abriu; vazio, é. */
function conferidor(caminho: string): () => string {
  const identidade = () => {
    try {
      const { dev, ino } = Deno.statSync(caminho);
      return `${dev} ${ino}`;
    } catch {
      return "";
    }
  };
  const aberto = identidade();
  return () => identidade() === aberto ? "" : `${ARQUIVO} foi apagado ou trocado por outro`;
}

/** Grava linhas num arquivo à parte, sincronizado. */
function separar(pasta: string, linhas: Iterable<Linha>): Separados {
  const quando = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const arquivo = `${pasta}/separados-${quando}.jsonl`;
  let quantos = 0;
  let destino: Deno.FsFile | undefined;
  try {
    for (const linha of linhas) {
      destino ??= Deno.openSync(arquivo, {
        create: true,
        append: true,
        mode: SO_O_DONO.arquivo,
      });
      const bytes = new TextEncoder().encode(JSON.stringify(linha) + "\n");
      for (let n = 0; n < bytes.length;) n += destino.writeSync(bytes.subarray(n));
      quantos++;
    }
    destino?.syncSync();
  } finally {
    destino?.close();
  }
  return { quantos, arquivo: quantos > 0 ? arquivo : undefined };
}

/** As linhas de uma consulta, sem as ter todas na memória. */
function* lerTabela(consulta: StatementSync, ...parametros: number[]): Generator<Linha> {
  for (const { key, value, timestamp } of consulta.iterate(...parametros)) {
    yield { key: doDisco(key), value: doDisco(value), timestamp: Number(timestamp) };
  }
}

/** Nossas palavras para os erros de disco mais comuns. */
function motivoDoDisco(erro: unknown): string {
  const texto = textoDoErro(erro);
  if (/locked/.test(texto)) return `outro programa tem ${ARQUIVO} trancado`;
  if (/malformed|not a database/.test(texto)) return `${ARQUIVO} está danificado: ${texto}`;
  if (/disk is full/.test(texto)) return "o disco está cheio";
  if (/readonly/.test(texto)) return "sem permissão de escrita";
  if (/unable to open/.test(texto)) return `não foi possível abrir ${ARQUIVO}`;
  return texto;
}

// node:sqlite corta um texto no primeiro NUL: o que o tem é guardado como BLOB, em UTF-8.

function paraDisco(texto: string): string | Uint8Array {
  return texto.includes("\0") ? new TextEncoder().encode(texto) : texto;
}

function doDisco(valor: unknown): string {
  return valor instanceof Uint8Array
    ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(valor)
    : String(valor);
}
